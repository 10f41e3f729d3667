/* SPDX-License-Identifier: MIT
 *
 * A mutex that another thread holds.
 * expect: kind=mutex confidence=high object=thing owner=owner flavour=normal
 */
#include "waits.h"

static pthread_mutex_t thing = PTHREAD_MUTEX_INITIALIZER;

static void prepare(void)
{
    must(pthread_mutex_lock(&thing) == 0);
}

static void subject(void)
{
    pthread_mutex_lock(&thing);
}
