/* SPDX-License-Identifier: MIT
 *
 * A pipe, for a time.
 * expect: kind=file_descriptors confidence=exact call=poll fds=50 timed=yes
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
    struct pollfd file = {.fd = 50, .events = POLLIN};
    poll(&file, 1, 1000000000);
}
