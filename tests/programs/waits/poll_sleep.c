/* SPDX-License-Identifier: MIT
 *
 * poll(2) without a file is a sleep.
 * expect: kind=time confidence=exact call=poll timed=yes
 */
#include "waits.h"

#include <poll.h>

static void prepare(void)
{
}

static void subject(void)
{
    poll(NULL, 0, 1000000000);
}
