/* SPDX-License-Identifier: MIT
 *
 * Threads that hang on a deadlock: one on a mutex, one on a join of that.
 * stuck: first second hanging joining
 */
#include "deadlock.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static pthread_t joined;

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

static void *hanging(void *name)
{
    name_me(name);
    everybody_holds();
    lock(&a);
    return NULL;
}

static void *joining(void *name)
{
    name_me(name);
    everybody_holds();
    must(pthread_join(joined, NULL) == 0);
    return NULL;
}

int main(void)
{
    must(pthread_barrier_init(&all_hold, NULL, 4) == 0);
    start("first", first);
    start("second", second);
    joined = start("hanging", hanging);
    start("joining", joining);
    be_looked_at(5);
}
