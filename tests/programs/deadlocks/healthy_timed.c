/* SPDX-License-Identifier: MIT
 *
 * A ring with a timeout, of a day.
 * stuck:
 */
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
    struct timespec until;
    must(clock_gettime(CLOCK_REALTIME, &until) == 0);
    until.tv_sec += 86400;
    lock(&b);
    everybody_holds();
    must(pthread_mutex_timedlock(&a, &until) == 0);
    return NULL;
}

int main(void)
{
    must(pthread_barrier_init(&all_hold, NULL, 2) == 0);
    start("first", first);
    start("second", second);
    be_looked_at(3);
}
