/* SPDX-License-Identifier: MIT
 *
 * A reader waits behind a writer who waits for a reader.
 * expect: kind=rwlock_for_reading confidence=high object=thing detail=1_reader_holds_it
 */
#include "waits.h"

static pthread_rwlock_t thing = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

static void *lock_for_writing(void *argument)
{
    pthread_rwlock_wrlock(&thing);
    return argument;
}

static void prepare(void)
{
    pthread_t writer;
    must(pthread_rwlock_rdlock(&thing) == 0);
    must(pthread_create(&writer, NULL, lock_for_writing, NULL) == 0);
    others = 1;
    await_tasks(2);
}

static void subject(void)
{
    pthread_rwlock_rdlock(&thing);
}
