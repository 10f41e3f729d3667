/* SPDX-License-Identifier: MIT
 *
 * ALIVE threads that wait at a gate and UNJOINED ones that finished, made at a few different places, then
 * abort(): a large core. With `live` it prints a line instead, and waits until its input ends. Without the
 * library in the process it makes the same threads.
 *
 * usage: many_threads ALIVE UNJOINED [live]
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static sem_t gate, begun;
static pthread_attr_t small;

static void *at_gate(void *arg)
{
    sem_post(&begun);
    sem_wait(&gate);
    return arg;
}

static void *returns(void *arg)
{
    sem_post(&begun);
    return arg;
}

static void create(void *(*start)(void *))
{
    pthread_t pthread;
    int error = pthread_create(&pthread, &small, start, NULL);
    if (error) {
        fprintf(stderr, "many_threads: pthread_create: error %d\n", error);
        exit(1);
    }
}

#define PLACE(name, start)                                                                                   \
    __attribute__((noinline)) static void name(void)                                                         \
    {                                                                                                        \
        create(start);                                                                                       \
    }
PLACE(start_reader, at_gate)
PLACE(start_writer, at_gate)
PLACE(run_task, returns)
PLACE(run_timer, returns)

int main(int argc, char **argv)
{
    int alive = argc > 1 ? atoi(argv[1]) : 100, unjoined = argc > 2 ? atoi(argv[2]) : 100;
    sem_init(&gate, 0, 0);
    sem_init(&begun, 0, 0);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16384);
    pthread_attr_setguardsize(&small, 0); /* one mapping a thread: vm.max_map_count */
    for (int i = 0; i < unjoined; i++)
        i % 8 ? run_task() : run_timer();
    for (int i = 0; i < alive; i++)
        i % 4 ? start_reader() : start_writer();
    for (int i = 0; i < alive + unjoined; i++)
        sem_wait(&begun);
    if (argc <= 3)
        abort();
    puts("ready");
    fflush(stdout);
    return getchar() == EOF ? 0 : 1;
}
