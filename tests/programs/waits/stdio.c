/* SPDX-License-Identifier: MIT
 *
 * The lock of a standard stream.
 * expect: kind=stdio_lock confidence=high object=_IO_2_1_stdin_ owner=owner
 */
#include "waits.h"

static void prepare(void)
{
    flockfile(stdin);
}

static void subject(void)
{
    fgetc(stdin);
}
