/* SPDX-License-Identifier: MIT
 *
 * The first of two words of futex_waitv(2).
 * expect: kind=futex confidence=low call=futex_waitv detail=the_first_of_2_words
 */
#include "waits.h"

#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>

static unsigned words[2] = {5, 5};

static void prepare(void)
{
}

static void subject(void)
{
    struct futex_waitv waiters[2] = {
        {.val = 5, .uaddr = (uintptr_t)&words[0], .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG},
        {.val = 5, .uaddr = (uintptr_t)&words[1], .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG}};
    syscall(449, waiters, 2, 0, NULL, 0);
}
