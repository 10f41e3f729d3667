/* SPDX-License-Identifier: MIT
 *
 * Main joins a thread that needs the mutex that main holds.
 * stuck: lock_and_join worker
 */
#include "deadlock.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *worker(void *name)
{
    name_me(name);
    lock(&mutex);
    return NULL;
}

static void *teller(void *name)
{
    name_me(name);
    await_tasks(3);
    say_ready();
    block();
    return NULL;
}

int main(void)
{
    lock(&mutex);
    pthread_t thread = start("worker", worker);
    start("teller", teller);
    must(pthread_join(thread, NULL) == 0);
    return 0;
}
