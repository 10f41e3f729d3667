/* SPDX-License-Identifier: MIT
 *
 * An exit handler tells a detached thread to end and does not wait for it. The thread is there for as long as
 * it can be: until main, having nothing else left to do, sleeps at the end of its exit.
 */
#include "scenario.h"

static sem_t ends;

static void *end_late(void *arg)
{
    arrive();
    while (sem_wait(&ends))
        ;
    await_tasks(2);
    return arg;
}

static void tell(void)
{
    sem_post(&ends);
}

int main(void)
{
    pthread_t thread;
    must(atexit(tell) == 0);
    must(pthread_create(&thread, NULL, end_late, NULL) == 0);
    must(pthread_detach(thread) == 0);
    await_arrivals(1);
    return 0;
}
