/* SPDX-License-Identifier: MIT
 *
 * What the deadlocks share: threads that each take what they are to hold, and go on to what they wait for
 * once all hold theirs. So every run ends in the same state, and no step is left to timing.
 */
#ifndef DEADLOCK_H
#define DEADLOCK_H

#include "../scenario.h"

#include <stdatomic.h>
#include <stdint.h>

static pthread_barrier_t all_hold;

static inline void everybody_holds(void)
{
    int result = pthread_barrier_wait(&all_hold);
    must(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
}

static inline pthread_t start(const char *name, void *(*routine)(void *))
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, routine, (void *)(uintptr_t)name) == 0);
    return thread;
}

static inline void lock(pthread_mutex_t *mutex)
{
    must(pthread_mutex_lock(mutex) == 0);
}

static inline void make_mutex(pthread_mutex_t *mutex, int type, int protocol, int robust, int shared)
{
    pthread_mutexattr_t attributes;
    must(pthread_mutexattr_init(&attributes) == 0);
    must(pthread_mutexattr_settype(&attributes, type) == 0);
    must(pthread_mutexattr_setprotocol(&attributes, protocol) == 0);
    must(pthread_mutexattr_setrobust(&attributes, robust) == 0);
    must(pthread_mutexattr_setpshared(&attributes, shared) == 0);
    must(pthread_mutex_init(mutex, &attributes) == 0);
}

#endif
