/* SPDX-License-Identifier: MIT
 *
 * A sample that waits again for a condition variable after SIGNALS signals. Whoever comes after a signal goes
 * to the other of two groups of waiters, each of which has its own word. To be defined: a mutex's lock_it()
 * and unlock_it(), wait_for_it() and signal_it().
 */
#ifndef SIGNALLED_H
#define SIGNALLED_H

#define AFTERWARDS
#include "waits.h"

static void lock_it(void);
static void unlock_it(void);
static void wait_for_it(void);
static void signal_it(void);

static int waits; /* begun; under the mutex, which a wait alone gives back */

static void prepare(void)
{
}

static void subject(void)
{
    lock_it();
    for (;;) {
        waits++;
        wait_for_it();
    }
}

static void afterwards(void)
{
    for (int given = 0; given < SIGNALS;) {
        lock_it();
        if (waits > given) {
            signal_it();
            given++;
        }
        unlock_it();
        sched_yield();
    }
    for (int begun = 0; begun <= SIGNALS; sched_yield()) {
        lock_it();
        begun = waits;
        unlock_it();
    }
}

#endif
