/* SPDX-License-Identifier: MIT
 *
 * A thread that is ending waits, in a destructor of thread-specific data, for a mutex whose owner joins it.
 * stuck: ending owner
 */
#include "deadlock.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static pthread_t joined;

static void destroy(void *value)
{
    (void)value;
    lock(&mutex);
}

static void *ending(void *name)
{
    name_me(name);
    must(pthread_setspecific(key, name) == 0);
    everybody_holds();
    return NULL;
}

static void *owner(void *name)
{
    name_me(name);
    lock(&mutex);
    everybody_holds();
    must(pthread_join(joined, NULL) == 0);
    return NULL;
}

int main(void)
{
    must(pthread_barrier_init(&all_hold, NULL, 2) == 0);
    must(pthread_key_create(&key, destroy) == 0);
    joined = start("ending", ending);
    start("owner", owner);
    be_looked_at(3);
}
