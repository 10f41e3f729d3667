/* SPDX-License-Identifier: MIT
 *
 * A signal that nobody sends.
 * expect: kind=signal confidence=exact call=rt_sigtimedwait
 */
#include "waits.h"

#include <signal.h>

static void prepare(void)
{
}

static void subject(void)
{
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigwait(&set, &number);
}
