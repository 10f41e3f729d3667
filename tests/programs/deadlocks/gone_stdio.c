/* SPDX-License-Identifier: MIT
 *
 * A thread ended while it had a stdio stream locked, and another, which was there before, waits for that.
 * stuck: waiter
 */
#include "deadlock.h"

static void *owner(void *name)
{
    name_me(name);
    flockfile(stderr);
    return NULL;
}

static void *waiter(void *name)
{
    name_me(name);
    everybody_holds();
    flockfile(stderr);
    return NULL;
}

int main(void)
{
    must(pthread_barrier_init(&all_hold, NULL, 2) == 0);
    start("waiter", waiter);
    must(pthread_join(start("owner", owner), NULL) == 0);
    everybody_holds();
    be_looked_at(2);
}
