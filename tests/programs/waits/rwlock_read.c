/* SPDX-License-Identifier: MIT
 *
 * A lock for reading that a writer holds.
 * expect: kind=rwlock_for_reading confidence=high object=thing owner=owner
 */
#include "waits.h"

static pthread_rwlock_t thing = PTHREAD_RWLOCK_INITIALIZER;

static void prepare(void)
{
    must(pthread_rwlock_wrlock(&thing) == 0);
}

static void subject(void)
{
    pthread_rwlock_rdlock(&thing);
}
