/* SPDX-License-Identifier: MIT
 *
 * A mutex that another thread holds, until a time on the monotonic clock.
 * expect: kind=mutex confidence=high object=thing owner=owner flavour=normal timed=yes deadline=yes
 */
#include "waits.h"

#include <time.h>

static pthread_mutex_t thing = PTHREAD_MUTEX_INITIALIZER;

static void prepare(void)
{
    must(pthread_mutex_lock(&thing) == 0);
}

static void subject(void)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += 1000000;
    pthread_mutex_clocklock(&thing, CLOCK_MONOTONIC, &end);
}
