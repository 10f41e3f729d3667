/* SPDX-License-Identifier: MIT
 *
 * Threads that create others, which finish at once, and join them: on and on, argv[1] of them. Whenever it is
 * looked at, some thread has finished and is not joined yet. One has finished and nobody ever joins it:
 * be_left.
 *
 * To be reported, at every moment: be_left alone.
 */
#include "scenario.h"

static void *be_left(void *arg)
{
    return arg;
}

static void *be_short(void *arg)
{
    return arg;
}

static void *churn(void *arg)
{
    arrive();
    for (;;) {
        pthread_t thread;
        must(pthread_create(&thread, NULL, be_short, arg) == 0);
        must(pthread_join(thread, NULL) == 0);
    }
}

int main(int argc, char **argv)
{
    must(argc == 2);
    pthread_t thread;
    must(pthread_create(&thread, NULL, be_left, NULL) == 0);
    await_tasks(1);
    int count = atoi(argv[1]);
    for (int i = 0; i < count; i++)
        must(pthread_create(&thread, NULL, churn, NULL) == 0);
    await_arrivals(count);
    say_ready();
    for (;;)
        pause();
}
