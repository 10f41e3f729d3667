/* SPDX-License-Identifier: MIT
 *
 * A thread that called pthread_exit waits, in a cleanup handler, for a mutex whose owner joins it.
 * stuck: ending owner
 */
#include "deadlock.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_t joined;

static void clean(void *value)
{
    (void)value;
    lock(&mutex);
}

static void *ending(void *name)
{
    name_me(name);
    pthread_cleanup_push(clean, NULL);
    everybody_holds();
    pthread_exit(NULL);
    pthread_cleanup_pop(0);
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
    joined = start("ending", ending);
    start("owner", owner);
    be_looked_at(3);
}
