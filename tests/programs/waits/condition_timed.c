/* SPDX-License-Identifier: MIT
 *
 * A condition variable, until a time on the monotonic clock.
 * expect: kind=condition_variable confidence=high object=thing mutex=mutex timed=yes deadline=yes
 */
#include "waits.h"

#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t thing;

static void prepare(void)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    must(pthread_cond_init(&thing, &attributes) == 0);
}

static void subject(void)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += 1000000;
    must(pthread_mutex_lock(&mutex) == 0);
    pthread_cond_timedwait(&thing, &mutex, &end);
}
