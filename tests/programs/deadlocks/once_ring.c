/* SPDX-License-Identifier: MIT
 *
 * A routine of pthread_once waits for a mutex, whose owner waits for that pthread_once.
 * stuck: runner owner
 */
#include "deadlock.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t control = PTHREAD_ONCE_INIT;

static void initialize(void)
{
    everybody_holds();
    lock(&mutex);
}

static void *runner(void *name)
{
    name_me(name);
    must(pthread_once(&control, initialize) == 0);
    return NULL;
}

static void *owner(void *name)
{
    name_me(name);
    lock(&mutex);
    everybody_holds();
    must(pthread_once(&control, initialize) == 0);
    return NULL;
}

int main(void)
{
    must(pthread_barrier_init(&all_hold, NULL, 2) == 0);
    start("runner", runner);
    start("owner", owner);
    be_looked_at(3);
}
