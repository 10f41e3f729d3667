/* SPDX-License-Identifier: MIT
 *
 * A mutex of <threads.h>.
 * expect: kind=mutex confidence=high object=thing owner=owner flavour=normal
 */
#include "waits.h"

#include <threads.h>

static mtx_t thing;

static void prepare(void)
{
    must(mtx_init(&thing, mtx_plain) == thrd_success && mtx_lock(&thing) == thrd_success);
}

static void subject(void)
{
    mtx_lock(&thing);
}
