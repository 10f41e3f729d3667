/* SPDX-License-Identifier: MIT
 *
 * A library for declaring_host.c, which says itself that its pool lives as long as the process.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "threadleak.h"

THREADLEAK_EXPECTED_THREADS("start:pool_main the pool lives as long as the process");
THREADLEAK_EXPECTED_THREADS("class=unjoined name:never-there x\nname:never-there y");

static void (*arrived)(void);

static void *pool_main(void *arg)
{
    pthread_setname_np(pthread_self(), "pool");
    arrived();
    for (;;)
        pause();
    return arg;
}

void start_pool(void (*arrive)(void))
{
    pthread_t thread;
    arrived = arrive;
    if (pthread_create(&thread, NULL, pool_main, NULL))
        abort();
}
