/* SPDX-License-Identifier: MIT
 *
 * The main thread leaves by pthread_exit, so that the kernel keeps but a zombie of it, and two threads go on.
 * One of them had made a third that finished: 1 unjoined of 3, proven, since main is gone.
 */
#include "scenario.h"

static void *finish(void *arg)
{
    return arg;
}

static void *stay(void *arg)
{
    name_me("stays");
    block();
    return arg;
}

static void *report(void *arg)
{
    pthread_t thread;
    must(pthread_join(*(pthread_t *)arg, NULL) == 0);
    must(pthread_create(&thread, NULL, finish, NULL) == 0);
    await_tasks(3); /* the zombie is one */
    say_ready();
    for (;;)
        pause();
    return arg;
}

int main(void)
{
    static pthread_t self;
    pthread_t thread;
    self = pthread_self();
    must(pthread_create(&thread, NULL, stay, NULL) == 0);
    await_arrivals(1);
    must(pthread_create(&thread, NULL, report, &self) == 0);
    pthread_exit(NULL);
}
