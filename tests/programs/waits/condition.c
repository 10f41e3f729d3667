/* SPDX-License-Identifier: MIT
 *
 * A condition variable that nobody signals.
 * expect: kind=condition_variable confidence=high object=thing mutex=mutex detail=1_waiting
 */
#include "waits.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t thing = PTHREAD_COND_INITIALIZER;

static void prepare(void)
{
}

static void subject(void)
{
    must(pthread_mutex_lock(&mutex) == 0);
    pthread_cond_wait(&thing, &mutex);
}
