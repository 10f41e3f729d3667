/* SPDX-License-Identifier: MIT
 *
 * A ring over a mutex, an rwlock locked for writing, the lock of a stdio stream, and a join.
 * stuck: one two three four
 */
#include "deadlock.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_t first;

static void *one(void *name)
{
    name_me(name);
    flockfile(stderr);
    everybody_holds();
    must(pthread_rwlock_rdlock(&rwlock) == 0);
    return NULL;
}

static void *two(void *name)
{
    name_me(name);
    must(pthread_rwlock_wrlock(&rwlock) == 0);
    everybody_holds();
    lock(&mutex);
    return NULL;
}

static void *three(void *name)
{
    name_me(name);
    lock(&mutex);
    everybody_holds();
    must(pthread_join(first, NULL) == 0);
    return NULL;
}

static void *four(void *name)
{
    name_me(name);
    everybody_holds();
    flockfile(stderr);
    return NULL;
}

int main(void)
{
    must(pthread_barrier_init(&all_hold, NULL, 4) == 0);
    first = start("four", four);
    start("one", one);
    start("two", two);
    start("three", three);
    be_looked_at(5);
}
