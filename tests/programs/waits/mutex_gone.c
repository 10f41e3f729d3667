/* SPDX-License-Identifier: MIT
 *
 * The thread that held the mutex has ended.
 * expect: kind=mutex confidence=high object=thing owner=gone flavour=normal
 */
#include "waits.h"

static pthread_mutex_t thing = PTHREAD_MUTEX_INITIALIZER;

static void *hold(void *argument)
{
    must(pthread_mutex_lock(&thing) == 0);
    return argument;
}

static void prepare(void)
{
    pthread_t holder;
    must(pthread_create(&holder, NULL, hold, NULL) == 0 && pthread_join(holder, NULL) == 0);
}

static void subject(void)
{
    pthread_mutex_lock(&thing);
}
