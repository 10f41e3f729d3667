/* SPDX-License-Identifier: MIT
 *
 * argv[1] threads, detached, each with a mutex of its own, that wait for the next one's: a deadlock of them
 * all. To be reported: that many stuck of one more.
 */
#include "scenario.h"

#include <limits.h>

static int count;
static pthread_mutex_t *locks;
static pthread_barrier_t all_hold;

static void *wait_for_the_next(void *arg)
{
    pthread_mutex_t *own = arg, *next = own + 1 < locks + count ? own + 1 : locks;
    must(pthread_mutex_lock(own) == 0);
    pthread_barrier_wait(&all_hold);
    must(pthread_mutex_lock(next) == 0);
    return arg;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    pthread_attr_t attr;
    must(argc == 2 && (count = atoi(argv[1])) > 1);
    must((locks = calloc(count, sizeof *locks)) != NULL);
    must(pthread_barrier_init(&all_hold, NULL, count) == 0);
    must(pthread_attr_init(&attr) == 0);
    must(pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN) == 0);
    must(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0);
    for (int i = 0; i < count; i++)
        must(pthread_create(&thread, &attr, wait_for_the_next, &locks[i]) == 0);
    be_looked_at(count + 1);
}
