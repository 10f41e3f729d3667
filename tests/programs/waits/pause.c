/* SPDX-License-Identifier: MIT
 *
 * Any signal.
 * expect: kind=signal confidence=exact
 */
#include "waits.h"

static void prepare(void)
{
}

static void subject(void)
{
    pause();
}
