/* SPDX-License-Identifier: MIT
 *
 * What signalled.h asks for, by pthread_cond_t.
 */
#ifndef SIGNALLED_PTHREAD_CONDITION_H
#define SIGNALLED_PTHREAD_CONDITION_H

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

#endif
