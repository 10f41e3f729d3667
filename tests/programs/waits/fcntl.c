/* SPDX-License-Identifier: MIT
 *
 * A record of a file that is locked through another descriptor.
 * expect: kind=file_descriptors confidence=exact call=fcntl fds=50 detail=a_record_lock
 */
#include "waits.h"

#include <fcntl.h>

static void prepare(void)
{
    char name[] = "/tmp/threadleak-XXXXXX", again[64];
    int file = mkstemp(name);
    snprintf(again, sizeof again, "/proc/self/fd/%d", file);
    int other = open(again, O_RDWR);
    unlink(name);
    struct flock whole = {.l_type = F_WRLCK};
    must(other >= 0 && fcntl(file, F_OFD_SETLK, &whole) == 0 && dup2(other, 50) == 50);
}

static void subject(void)
{
    struct flock whole = {.l_type = F_WRLCK};
    fcntl(50, F_OFD_SETLKW, &whole);
}
