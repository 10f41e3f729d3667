/* SPDX-License-Identifier: MIT
 *
 * A semaphore that nobody posts.
 * expect: kind=semaphore confidence=high object=thing detail=value_0,1_waiting
 */
#include "waits.h"

static sem_t thing;

static void prepare(void)
{
    must(sem_init(&thing, 0, 0) == 0);
}

static void subject(void)
{
    sem_wait(&thing);
}
