/* SPDX-License-Identifier: MIT
 *
 * Two pipes, for good.
 * expect: kind=file_descriptors confidence=exact call=poll fds=50,51
 */
#include "waits.h"

#include <poll.h>

static int ends[2];

static void prepare(void)
{
    must(pipe(ends) == 0 && dup2(ends[0], 50) == 50 && dup2(ends[1], 51) == 51);
}

static void subject(void)
{
    struct pollfd files[] = {{.fd = 50, .events = POLLIN}, {.fd = -1}, {.fd = 51, .events = POLLPRI}};
    poll(files, 3, -1);
}
