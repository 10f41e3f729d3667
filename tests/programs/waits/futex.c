/* SPDX-License-Identifier: MIT
 *
 * A futex of the program's own: no more is known than the word.
 * expect: kind=futex confidence=low
 */
#include "waits.h"

#include <linux/futex.h>
#include <sys/syscall.h>

static unsigned thing = 5;

static void prepare(void)
{
}

static void subject(void)
{
    syscall(SYS_futex, &thing, FUTEX_WAIT_PRIVATE, 5, NULL, NULL, 0);
}
