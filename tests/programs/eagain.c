/* SPDX-License-Identifier: MIT
 *
 * Creates threads and never joins them until pthread_create fails with EAGAIN, as it does under RLIMIT_AS,
 * and goes on. To be reported: all of them, unjoined, the failed creation, and, if asked for, the plain
 * report on stderr at that moment.
 */
#include "scenario.h"

static void *work(void *arg)
{
    return arg;
}

static int create_one(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, work, NULL); /* creates until it fails */
}

int main(void)
{
    int error, count = 0;
    while ((error = create_one()) == 0)
        count++, await_tasks(1);
    must(error == EAGAIN && count > 0);
    printf("%d\n", count);
    await_tasks(1);
    say_ready();
    for (;;)
        pause();
}
