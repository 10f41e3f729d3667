/* SPDX-License-Identifier: MIT
 *
 * Two threads that lock two mutexes in opposite order.
 */
#ifndef OPPOSITE_ORDER_H
#define OPPOSITE_ORDER_H

#include "deadlock.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;

static void *first(void *name)
{
    name_me(name);
    lock(&a);
    everybody_holds();
    lock(&b);
    return NULL;
}

static void *second(void *name)
{
    name_me(name);
    lock(&b);
    everybody_holds();
    lock(&a);
    return NULL;
}

static inline void lock_in_opposite_order(int protocol, int robust, int shared)
{
    make_mutex(&a, PTHREAD_MUTEX_NORMAL, protocol, robust, shared);
    make_mutex(&b, PTHREAD_MUTEX_NORMAL, protocol, robust, shared);
    must(pthread_barrier_init(&all_hold, NULL, 2) == 0);
    start("first", first);
    start("second", second);
    be_looked_at(3);
}

#endif
