/* SPDX-License-Identifier: MIT
 *
 * A thread locks a mutex that it holds.
 * expect: kind=mutex confidence=high object=thing owner=subject flavour=normal
 */
#include "waits.h"

static pthread_mutex_t thing = PTHREAD_MUTEX_INITIALIZER;

static void prepare(void)
{
}

static void subject(void)
{
    pthread_mutex_lock(&thing);
    pthread_mutex_lock(&thing);
}
