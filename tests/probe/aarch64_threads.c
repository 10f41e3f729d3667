/* SPDX-License-Identifier: MIT
 *
 * Runs under qemu-aarch64: starts threads that wait, prints what it knows of itself, one fact a line, and
 * aborts, upon which QEMU writes a core of it.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../programs/scenario.h"

enum { THREADS = 4 };

static sem_t never, in_place;
static pthread_mutex_t printing = PTHREAD_MUTEX_INITIALIZER;

static void tell(const char *what, volatile uint64_t *local)
{
    *local = (uint64_t)gettid() << 32 | 0xabcdef;
    pthread_mutex_lock(&printing);
    printf("%s %d %#lx %#lx %#lx %#lx\n", what, gettid(), (unsigned long)pthread_self(),
           (unsigned long)(uintptr_t)__builtin_thread_pointer(), (unsigned long)(uintptr_t)local,
           (unsigned long)*local);
    pthread_mutex_unlock(&printing);
}

__attribute__((noinline)) static int innermost(int depth)
{
    volatile int kept = depth;
    sem_post(&in_place);
    sem_wait(&never);
    return kept;
}

__attribute__((noinline)) static int recursive(int depth)
{
    volatile int kept = depth;
    return depth > 0 ? recursive(depth - 1) + kept : innermost(kept) + kept;
}

static void *waits(void *argument)
{
    volatile uint64_t local;
    tell("thread", &local);
    return (void *)(intptr_t)(recursive((int)(intptr_t)argument) + (int)local);
}

static void *pauses(void *argument)
{
    volatile uint64_t local;
    tell("pauses", &local);
    sem_post(&in_place);
    pause();
    return (void *)((uintptr_t)argument + local);
}

static void print_maps(void)
{
    char line[1024];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        printf("map %s", line);
    if (maps)
        fclose(maps);
}

int main(void)
{
    volatile uint64_t local;
    for (intptr_t i = 0; i < THREADS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, i ? waits : pauses, (void *)i) != 0)
            return 1;
    }
    for (int i = 0; i < THREADS; i++)
        sem_wait(&in_place);
    tell("main", &local);
    print_maps();
    fflush(stdout);
    for (int asleep = 0; !asleep;) /* QEMU has threads of its own */
        count_tasks(&asleep);
    abort();
}
