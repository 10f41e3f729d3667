/* SPDX-License-Identifier: MIT
 *
 * A pipe that nobody writes to.
 * expect: kind=file_descriptors confidence=exact call=read fds=50
 */
#include "waits.h"

static int ends[2];

static void prepare(void)
{
    must(pipe(ends) == 0 && dup2(ends[0], 50) == 50 && dup2(ends[1], 51) == 51);
}

static void subject(void)
{
    char byte;
    must(read(50, &byte, 1) >= 0);
}
