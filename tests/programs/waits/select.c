/* SPDX-License-Identifier: MIT
 *
 * A pipe, by select(2), which glibc makes of pselect6.
 * expect: kind=file_descriptors confidence=exact call=pselect6 fds=50
 */
#include "waits.h"

#include <sys/select.h>

static int ends[2];

static void prepare(void)
{
    must(pipe(ends) == 0 && dup2(ends[0], 50) == 50 && dup2(ends[1], 51) == 51);
}

static void subject(void)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(50, &set);
    select(51, &set, NULL, NULL, NULL);
}
