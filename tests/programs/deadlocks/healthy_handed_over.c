/* SPDX-License-Identifier: MIT
 *
 * Mutexes with priority inheritance, which the kernel itself hands over, to threads that do not know yet, and
 * robust ones, whose owners end without unlocking them. They never stand still.
 * looks: 10
 * stuck:
 */
#include "deadlock.h"

enum { THREADS = 3 };

static pthread_mutex_t inheriting, robust;

static void *pass_on(void *name)
{
    name_me(name);
    arrive();
    for (;;) {
        lock(&inheriting);
        must(pthread_mutex_unlock(&inheriting) == 0);
    }
}

static void *end_with_it(void *arg)
{
    int status = pthread_mutex_lock(&robust);
    must(status == 0 || status == EOWNERDEAD);
    if (status)
        must(pthread_mutex_consistent(&robust) == 0);
    return arg;
}

static void *inherit(void *name)
{
    name_me(name);
    arrive();
    for (;;)
        must(pthread_join(start("heir", end_with_it), NULL) == 0);
}

int main(void)
{
    make_mutex(&inheriting, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED,
               PTHREAD_PROCESS_PRIVATE);
    make_mutex(&robust, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST,
               PTHREAD_PROCESS_PRIVATE);
    for (int i = 0; i < THREADS; i++) {
        start("passer", pass_on);
        start("parent", inherit);
    }
    await_arrivals(2 * THREADS);
    say_ready();
    for (;;)
        pause();
}
