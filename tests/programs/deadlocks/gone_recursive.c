/* SPDX-License-Identifier: MIT
 *
 * The owner of a mutex (recursive) ended without unlocking it.
 * stuck: waiter
 */
#include "deadlock.h"

static pthread_mutex_t mutex;

static void *owner(void *name)
{
    name_me(name);
    lock(&mutex);
    return NULL;
}

static void *waiter(void *name)
{
    name_me(name);
    lock(&mutex);
    return NULL;
}

int main(void)
{
    make_mutex(&mutex, PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED,
               PTHREAD_PROCESS_PRIVATE);
    must(pthread_join(start("owner", owner), NULL) == 0);
    start("waiter", waiter);
    be_looked_at(2);
}
