/* SPDX-License-Identifier: MIT
 *
 * A semaphore, until a time that is far away.
 * expect: kind=semaphore confidence=high object=thing timed=yes
 */
#include "waits.h"

#include <time.h>

static sem_t thing;

static void prepare(void)
{
    must(sem_init(&thing, 0, 0) == 0);
}

static void subject(void)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 1000000;
    sem_timedwait(&thing, &end);
}
