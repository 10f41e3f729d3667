/* SPDX-License-Identifier: MIT
 *
 * Main has left by pthread_exit with a mutex that it unlocked; its zombie is no owner that is gone.
 * stuck:
 */
#include "deadlock.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *owner(void *name)
{
    name_me(name);
    lock(&mutex);
    arrive();
    await_tasks(3);
    say_ready();
    block();
    return NULL;
}

static void *waiter(void *name)
{
    name_me(name);
    lock(&mutex);
    return NULL;
}

int main(void)
{
    lock(&mutex);
    must(pthread_mutex_unlock(&mutex) == 0);
    start("owner", owner);
    await_arrivals(1);
    start("waiter", waiter);
    pthread_exit(NULL);
}
