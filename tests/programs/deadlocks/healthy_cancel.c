/* SPDX-License-Identifier: MIT
 *
 * A ring with a join, which the program may cancel.
 * stuck:
 */
#include "deadlock.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_t worker_thread;
static volatile int is_over;

static void *worker(void *name)
{
    name_me(name);
    everybody_holds();
    lock(&mutex);
    return NULL;
}

static void *joiner(void *name)
{
    name_me(name);
    lock(&mutex);
    everybody_holds();
    must(pthread_join(worker_thread, NULL) == 0);
    return NULL;
}

int main(void)
{
    must(pthread_barrier_init(&all_hold, NULL, 2) == 0);
    worker_thread = start("worker", worker);
    pthread_t thread = start("joiner", joiner);
    if (is_over)
        must(pthread_cancel(thread) == 0);
    be_looked_at(3);
}
