/* SPDX-License-Identifier: MIT
 *
 * A recursive mutex that another thread holds.
 * expect: kind=mutex confidence=high object=thing owner=owner flavour=recursive
 */
#include "waits.h"

static pthread_mutex_t thing;

static void prepare(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    must(pthread_mutex_init(&thing, &attributes) == 0);
    must(pthread_mutex_lock(&thing) == 0);
}

static void subject(void)
{
    pthread_mutex_lock(&thing);
}
