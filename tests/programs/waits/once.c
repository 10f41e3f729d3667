/* SPDX-License-Identifier: MIT
 *
 * The init routine of another thread does not return.
 * expect: kind=once confidence=high object=thing owner=runner
 */
#include "waits.h"

static pthread_once_t thing = PTHREAD_ONCE_INIT;

static void stay(void)
{
    name_me("runner");
    pause();
}

static void *run_it(void *argument)
{
    pthread_once(&thing, stay);
    return argument;
}

static void prepare(void)
{
    pthread_t runner;
    must(pthread_create(&runner, NULL, run_it, NULL) == 0);
    others = 1;
    await_tasks(2);
}

static void subject(void)
{
    pthread_once(&thing, stay);
}
