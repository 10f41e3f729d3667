/* SPDX-License-Identifier: MIT
 *
 * Two threads lock two mutexes in opposite order. Files are mapped as data too, as by who symbolizes.
 * stuck: first second
 */
#include "opposite_order.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void map_as_data(const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    must(file >= 0 && fstat(file, &status) == 0);
    must(mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0) != MAP_FAILED);
    must(close(file) == 0);
}

int main(void)
{
    Dl_info libc;
    must(dladdr(stdout, &libc) != 0);
    map_as_data("/proc/self/exe");
    map_as_data(libc.dli_fname);
    must(pthread_barrier_init(&all_hold, NULL, 2) == 0);
    start("first", first);
    start("second", second);
    be_looked_at(3);
}
