/* SPDX-License-Identifier: MIT
 *
 * A condition variable after a signal: in the other group of waiters.
 * expect: kind=condition_variable confidence=high object=thing mutex=mutex detail=1_waiting group=1
 */
#define SIGNALS 1
#include "signalled.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t thing = PTHREAD_COND_INITIALIZER;

static void lock_it(void)
{
    must(pthread_mutex_lock(&mutex) == 0);
}

static void unlock_it(void)
{
    must(pthread_mutex_unlock(&mutex) == 0);
}

static void wait_for_it(void)
{
    pthread_cond_wait(&thing, &mutex);
}

static void signal_it(void)
{
    must(pthread_cond_signal(&thing) == 0);
}
