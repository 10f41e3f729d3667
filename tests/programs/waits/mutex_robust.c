/* SPDX-License-Identifier: MIT
 *
 * A robust mutex that another thread holds: its list says that it is of this process.
 * expect: kind=mutex confidence=high object=thing owner=owner flavour=normal,robust
 */
#include "waits.h"

static pthread_mutex_t thing;

static void prepare(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    must(pthread_mutex_init(&thing, &attributes) == 0);
    must(pthread_mutex_lock(&thing) == 0);
}

static void subject(void)
{
    pthread_mutex_lock(&thing);
}
