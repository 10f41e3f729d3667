/* SPDX-License-Identifier: MIT
 *
 * Threads wait for mutexes whose owner waits for something else.
 * stuck:
 */
#include "deadlock.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *owner(void *name)
{
    name_me(name);
    lock(&mutex);
    arrive();
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
    start("owner", owner);
    await_arrivals(1);
    start("waiter", waiter);
    start("waiter", waiter);
    be_looked_at(4);
}
