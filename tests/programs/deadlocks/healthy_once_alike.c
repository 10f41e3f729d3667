/* SPDX-License-Identifier: MIT
 *
 * The thread that runs an init routine is on a processor; another one, in the routine of another control, has
 * a task on its stack that looks like what pthread_once keeps there, and waits for a mutex whose owner waits
 * for the first routine.
 * stuck:
 */
#include "deadlock.h"

static pthread_once_t spins = PTHREAD_ONCE_INIT, waits = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static sem_t may_spin;
static atomic_int is_spinning;

static void spin(void)
{
    arrive();
    while (sem_wait(&may_spin) != 0)
        ;
    for (;;)
        is_spinning = 1;
}

static void *runner(void *name)
{
    name_me(name);
    must(pthread_once(&spins, spin) == 0);
    return NULL;
}

static void *owner(void *name)
{
    name_me(name);
    lock(&mutex);
    arrive();
    must(pthread_once(&spins, spin) == 0);
    return NULL;
}

static void wait_with_a_task(void)
{
    struct {
        void (*done)(void *);
        pthread_once_t *of;
    } volatile task = {free, &spins};
    lock(&mutex);
    task.done((void *)task.of);
}

static void *waiter(void *name)
{
    name_me(name);
    must(pthread_once(&waits, wait_with_a_task) == 0);
    return NULL;
}

int main(void)
{
    start("runner", runner);
    await_arrivals(1);
    start("owner", owner);
    await_arrivals(1);
    start("waiter", waiter);
    await_tasks(4);
    sem_post(&may_spin);
    while (!is_spinning)
        sched_yield();
    say_ready();
    block();
}
