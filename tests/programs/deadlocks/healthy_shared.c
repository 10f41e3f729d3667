/* SPDX-License-Identifier: MIT
 *
 * A ring over mutexes that other processes may unlock.
 * stuck:
 */
#include "deadlock.h"

static pthread_mutex_t a, b;

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

int main(void)
{
    must(pthread_barrier_init(&all_hold, NULL, 2) == 0);
    make_mutex(&a, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_SHARED);
    make_mutex(&b, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_SHARED);
    start("first", first);
    start("second", second);
    be_looked_at(3);
}
