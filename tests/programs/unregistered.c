/* SPDX-License-Identifier: MIT
 *
 * A program that never loads the library: what glibc's own lists tell of its threads. To be reported:
 *
 *   finished, joinable, unjoined:
 *     twins     2, be_twin, arguments 1 and 2, results 3 and 4, stacks of 256 KiB with a guard of 8 KiB
 *     exiter    be_exiter, left by pthread_exit(5)
 *     cancelled be_cancelled, result PTHREAD_CANCELED
 *     lodger    be_lodger, on a stack that the program gave
 *   alive:
 *     worker    be_worker, joinable
 *     daemon    be_daemon, detached
 *     main
 *
 * joined, and a detached one that has ended, are gone. So 5 unjoined of 8, 3 of which the kernel has.
 */
#include "scenario.h"

#include <sys/mman.h>
#include <sys/prctl.h>

enum { LODGER_STACK = 128 << 10 };

static void *be_twin(void *number)
{
    return (char *)number + 2;
}

static void *be_exiter(void *result)
{
    pthread_exit(result);
}

static void *be_cancelled(void *arg)
{
    arrive();
    for (;;)
        pause();
    return arg;
}

static void *be_lodger(void *arg)
{
    return arg;
}

static void *be_joined(void *arg)
{
    return arg;
}

static void *be_worker(void *arg)
{
    prctl(PR_SET_NAME, "worker", 0, 0, 0);
    block();
    return arg;
}

static void *be_daemon(void *arg)
{
    prctl(PR_SET_NAME, "daemon", 0, 0, 0);
    block();
    return arg;
}

static pthread_t create(const pthread_attr_t *how, void *(*start)(void *), intptr_t arg)
{
    pthread_t thread;
    must(pthread_create(&thread, how, start, (void *)arg) == 0);
    return thread;
}

int main(void)
{
    pthread_attr_t how;
    must(pthread_attr_init(&how) == 0);
    must(pthread_attr_setstacksize(&how, 256 << 10) == 0);
    must(pthread_attr_setguardsize(&how, 8 << 10) == 0);
    create(&how, be_twin, 1);
    create(&how, be_twin, 2);
    create(NULL, be_exiter, 5);
    pthread_t cancelled = create(NULL, be_cancelled, 0);
    await_arrivals(1);
    must(pthread_cancel(cancelled) == 0);
    void *stack = mmap(NULL, LODGER_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(stack != MAP_FAILED);
    must(pthread_attr_init(&how) == 0);
    must(pthread_attr_setstack(&how, stack, LODGER_STACK) == 0);
    create(&how, be_lodger, 7);
    must(pthread_join(create(NULL, be_joined, 0), NULL) == 0);
    must(pthread_attr_init(&how) == 0);
    must(pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED) == 0);
    create(&how, be_joined, 0);
    create(&how, be_daemon, 0);
    create(NULL, be_worker, 0);
    await_arrivals(2);
    be_looked_at(3);
}
