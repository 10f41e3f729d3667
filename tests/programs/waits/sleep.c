/* SPDX-License-Identifier: MIT
 *
 * A sleep.
 * expect: kind=time confidence=exact call=clock_nanosleep timed=yes
 */
#include "waits.h"

static void prepare(void)
{
}

static void subject(void)
{
    sleep(1000000);
}
