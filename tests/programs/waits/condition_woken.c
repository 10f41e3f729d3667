/* SPDX-License-Identifier: MIT
 *
 * Signalled, and now it waits for the mutex again, which the signaller still holds.
 * expect: kind=mutex confidence=high object=thing owner=owner flavour=normal
 */
#define AFTERWARDS
#include "waits.h"

static pthread_mutex_t thing = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t inside;

static void prepare(void)
{
}

static void subject(void)
{
    must(pthread_mutex_lock(&thing) == 0);
    sem_post(&inside);
    pthread_cond_wait(&condition, &thing);
}

static void afterwards(void)
{
    must(sem_wait(&inside) == 0 && pthread_mutex_lock(&thing) == 0);
    must(pthread_cond_signal(&condition) == 0);
    sched_yield();
}
