/* SPDX-License-Identifier: MIT
 *
 * Whoever locked an rwlock for writing ended without unlocking it: one waits to read, one to write.
 * stuck: reader writer
 */
#include "deadlock.h"

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

static void *owner(void *name)
{
    name_me(name);
    must(pthread_rwlock_wrlock(&rwlock) == 0);
    return NULL;
}

static void *reader(void *name)
{
    name_me(name);
    must(pthread_rwlock_rdlock(&rwlock) == 0);
    return NULL;
}

static void *writer(void *name)
{
    name_me(name);
    must(pthread_rwlock_wrlock(&rwlock) == 0);
    return NULL;
}

int main(void)
{
    must(pthread_join(start("owner", owner), NULL) == 0);
    start("reader", reader);
    start("writer", writer);
    be_looked_at(3);
}
