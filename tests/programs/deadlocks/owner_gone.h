/* SPDX-License-Identifier: MIT
 *
 * A mutex whose owner ended without unlocking it, and a thread that waits for it.
 */
#ifndef OWNER_GONE_H
#define OWNER_GONE_H

#include "deadlock.h"

static pthread_mutex_t mutex;

static void *locks(void *name)
{
    name_me(name);
    lock(&mutex);
    return NULL;
}

static inline void wait_for_one_that_is_gone(int type)
{
    make_mutex(&mutex, type, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
    must(pthread_join(start("owner", locks), NULL) == 0);
    start("waiter", locks);
    be_looked_at(2);
}

#endif
