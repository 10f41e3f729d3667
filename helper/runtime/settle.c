/* SPDX-License-Identifier: MIT */
#include "settle.h"

#include <limits.h>
#include <linux/futex.h>
#include <time.h>

#include "system_call.h"

#define SECOND 1000000000u

uint32_t settle_waiters;
static uint32_t events;

void settle_wake(void)
{
    __atomic_fetch_add(&events, 1, __ATOMIC_SEQ_CST);
    system_call(SYS_futex, &events, FUTEX_WAKE_PRIVATE, INT_MAX);
}

void settle_enter(void)
{
    __atomic_fetch_add(&settle_waiters, 1, __ATOMIC_SEQ_CST);
}

void settle_leave(void)
{
    __atomic_fetch_sub(&settle_waiters, 1, __ATOMIC_SEQ_CST);
}

uint32_t settle_events(void)
{
    return __atomic_load_n(&events, __ATOMIC_SEQ_CST);
}

void settle_wait(uint32_t seen, uint64_t until)
{
    const struct timespec time = {.tv_sec = (time_t)(until / SECOND), .tv_nsec = (long)(until % SECOND)};
    system_call(SYS_futex, &events, FUTEX_WAIT_BITSET_PRIVATE, seen, &time, NULL, FUTEX_BITSET_MATCH_ANY);
}

uint64_t settle_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

void settle_fork_child(void)
{
    settle_waiters = 0;
}
