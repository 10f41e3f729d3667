/* SPDX-License-Identifier: MIT
 *
 * A lock for writing that readers hold, of whom nobody has a list.
 * expect: kind=rwlock_for_writing confidence=high object=thing detail=2_readers_hold_it
 */
#include "waits.h"

static pthread_rwlock_t thing = PTHREAD_RWLOCK_INITIALIZER;

static void prepare(void)
{
    must(pthread_rwlock_rdlock(&thing) == 0 && pthread_rwlock_rdlock(&thing) == 0);
}

static void subject(void)
{
    pthread_rwlock_wrlock(&thing);
}
