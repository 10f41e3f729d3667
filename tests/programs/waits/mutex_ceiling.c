/* SPDX-License-Identifier: MIT
 *
 * A mutex with a priority ceiling, which takes the right to set priorities: 77 without it.
 * expect: kind=mutex confidence=high object=thing owner=owner flavour=normal,priority_ceiling
 */
#include "waits.h"

static pthread_mutex_t thing;

/* glibc raises a thread to the ceiling within its own policy, which must have priorities. */
static void be_urgent(void)
{
    struct sched_param parameters = {.sched_priority = 1};
    if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters) != 0)
        _exit(77);
}

static void prepare(void)
{
    pthread_mutexattr_t attributes;
    be_urgent();
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_PROTECT);
    pthread_mutexattr_setprioceiling(&attributes, 2);
    must(pthread_mutex_init(&thing, &attributes) == 0);
    must(pthread_mutex_lock(&thing) == 0);
}

static void subject(void)
{
    be_urgent();
    pthread_mutex_lock(&thing);
}
