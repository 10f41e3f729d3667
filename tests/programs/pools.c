/* SPDX-License-Identifier: MIT
 *
 * Busy and healthy: pools of threads that come, finish, and are joined, one after the other, until stdin
 * ends.
 */
#include "scenario.h"

enum { THREADS = 16 };

static void *work(void *arg)
{
    return arg;
}

static void *run_pools(void *arg)
{
    for (;;) {
        pthread_t pool[THREADS];
        for (int i = 0; i < THREADS; i++)
            must(pthread_create(&pool[i], NULL, work, NULL) == 0);
        for (int i = 0; i < THREADS; i++)
            must(pthread_join(pool[i], NULL) == 0);
        usleep(1000);
    }
    return arg;
}

int main(void)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, run_pools, NULL) == 0);
    say_ready();
    while (getchar() != EOF)
        ;
    return 0;
}
