/* SPDX-License-Identifier: MIT
 *
 * Two threads lock two mutexes in opposite order.
 * stuck: first second
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
    lock(&b);
    everybody_holds();
    lock(&a);
    return NULL;
}

int main(void)
{
    must(pthread_barrier_init(&all_hold, NULL, 2) == 0);
    start("first", first);
    start("second", second);
    be_looked_at(3);
}
