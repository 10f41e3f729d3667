/* SPDX-License-Identifier: MIT
 *
 * Loads the library, argv[1], by dlopen, when it is too late to stand in front of pthread_create, and leaves
 * a thread unjoined. Its registry says nothing, which is named; glibc tells of the thread.
 */
#include "scenario.h"

#include <dlfcn.h>

static void *work(void *arg)
{
    return arg;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    must(argc == 2 && dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL));
    must(pthread_create(&thread, NULL, work, NULL) == 0);
    be_looked_at(1);
}
