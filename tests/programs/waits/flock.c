/* SPDX-License-Identifier: MIT
 *
 * A file that is locked through another descriptor.
 * expect: kind=file_descriptors confidence=exact call=flock fds=50
 */
#include "waits.h"

#include <fcntl.h>
#include <sys/file.h>

static void prepare(void)
{
    char name[] = "/tmp/threadleak-XXXXXX", again[64];
    int file = mkstemp(name);
    snprintf(again, sizeof again, "/proc/self/fd/%d", file);
    int other = open(again, O_RDWR);
    unlink(name);
    must(other >= 0 && flock(file, LOCK_EX) == 0 && dup2(other, 50) == 50);
}

static void subject(void)
{
    flock(50, LOCK_EX);
}
