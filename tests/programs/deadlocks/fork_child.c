/* SPDX-License-Identifier: MIT
 *
 * A fork child: it waits for a mutex whose owner stayed behind in the parent, and a thread of its own for a
 * mutex that it holds.
 * stuck: forked hanging
 */
#include "deadlock.h"

#include <sys/wait.h>

static pthread_mutex_t left_behind = PTHREAD_MUTEX_INITIALIZER, own = PTHREAD_MUTEX_INITIALIZER;

static void *owner(void *name)
{
    name_me(name);
    lock(&left_behind);
    block();
}

static void *hanging(void *name)
{
    name_me(name);
    everybody_holds();
    lock(&own);
    return NULL;
}

static void *observer(void *name)
{
    name_me(name);
    be_looked_at(3);
}

int main(void)
{
    start("owner", owner);
    await_arrivals(1);
    pid_t child = fork();
    must(child >= 0);
    if (child) {
        must(waitpid(child, NULL, 0) == child);
        must(printf("child ended\n") > 0 && fflush(stdout) == 0);
        block();
    }
    name_me("forked");
    must(pthread_barrier_init(&all_hold, NULL, 2) == 0);
    lock(&own);
    start("hanging", hanging);
    everybody_holds();
    start("observer", observer);
    lock(&left_behind);
}
