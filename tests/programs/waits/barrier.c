/* SPDX-License-Identifier: MIT
 *
 * A barrier to which others are still to come.
 * expect: kind=barrier confidence=high object=thing detail=1_of_3_arrived
 */
#include "waits.h"

static pthread_barrier_t thing;

static void prepare(void)
{
    must(pthread_barrier_init(&thing, NULL, 3) == 0);
}

static void subject(void)
{
    pthread_barrier_wait(&thing);
}
