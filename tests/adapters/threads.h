/* SPDX-License-Identifier: MIT
 *
 * What the examples do with threads: one that is joined, one that finishes and is not, one that stays alive.
 */
#ifndef THREADS_H
#define THREADS_H

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static inline void *finish_at_once(void *argument)
{
    return argument;
}

static inline void *stay_alive(void *argument)
{
    for (;;)
        pause();
    return argument;
}

static inline pthread_t start(void *(*routine)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, routine, NULL) != 0)
        abort();
    return thread;
}

static inline void join(pthread_t thread)
{
    if (pthread_join(thread, NULL) != 0)
        abort();
}

/* Of one that stays alive. */
static inline void end(pthread_t thread)
{
    if (pthread_cancel(thread) != 0)
        abort();
    join(thread);
}

static inline void join_one(void)
{
    join(start(finish_at_once));
}

static inline void leave_unjoined(void)
{
    start(finish_at_once);
}

static inline void leave_alive(void)
{
    start(stay_alive);
}

#endif
