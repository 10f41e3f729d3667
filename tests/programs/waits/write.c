/* SPDX-License-Identifier: MIT
 *
 * A pipe that is full.
 * expect: kind=file_descriptors confidence=exact call=write fds=51
 */
#include "waits.h"

static int ends[2];

static void prepare(void)
{
    must(pipe(ends) == 0 && dup2(ends[0], 50) == 50 && dup2(ends[1], 51) == 51);
}

static void subject(void)
{
    static char bytes[1 << 20];
    must(write(51, bytes, sizeof bytes) >= 0);
}
