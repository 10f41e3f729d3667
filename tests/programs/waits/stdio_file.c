/* SPDX-License-Identifier: MIT
 *
 * The lock of a stream that fopen made.
 * expect: kind=stdio_lock confidence=high object=- owner=owner
 */
#include "waits.h"

static FILE *file;

static void prepare(void)
{
    file = fopen("/dev/null", "w");
    must(file != NULL);
    flockfile(file);
}

static void subject(void)
{
    fprintf(file, "%d\n", 1);
}
