/* SPDX-License-Identifier: MIT
 *
 * A thread locks a mutex with priority inheritance that it holds: glibc parks it on its own stack.
 * expect: kind=mutex confidence=high object=thing owner=subject flavour=normal,priority_inheritance found=?
 */
#include "waits.h"

static pthread_mutex_t thing;

static void prepare(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    must(pthread_mutex_init(&thing, &attributes) == 0);
}

static void subject(void)
{
    pthread_mutex_lock(&thing);
    pthread_mutex_lock(&thing);
}
