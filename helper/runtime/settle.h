/* SPDX-License-Identifier: MIT
 *
 * settle.h - waiting for threads to end, without polling: whoever changes what a check may wait for says so,
 * which costs one load while nobody waits.
 */
#ifndef THREADLEAK_SETTLE_H
#define THREADLEAK_SETTLE_H

#include <stdint.h>

extern uint32_t settle_waiters;
void settle_wake(void);

/* A record was given back, or a thread was marked, detached or has finished; or the engine is free again.
 * Called after the change, which was one sequentially consistent operation. */
static inline void settle_happened(void)
{
    if (__builtin_expect(__atomic_load_n(&settle_waiters, __ATOMIC_SEQ_CST) != 0, 0))
        settle_wake();
}

/* Between these two, events are counted. */
void settle_enter(void);
void settle_leave(void);

/* The number of events so far: to be read before one looks at what they change. */
uint32_t settle_events(void);

/* Returns when there were more events than `seen`, at the time `until` of settle_now at the latest, or
 * earlier.
 */
void settle_wait(uint32_t seen, uint64_t until);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t settle_now(void);

/* In a fork child nobody waits. */
void settle_fork_child(void);

#endif
