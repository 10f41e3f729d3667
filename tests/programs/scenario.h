/* SPDX-License-Identifier: MIT
 *
 * What the programs of the tests share: each brings its threads into a known state, says so, and waits to be
 * looked at. States are awaited where the kernel shows them, never by a delay.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define must(condition)                                                                                      \
    ((condition) ? (void)0                                                                                   \
                 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), exit(70)))

static sem_t arrivals; /* zero-initialized, which is what sem_init(&arrivals, 0, 0) gives */

static inline void arrive(void)
{
    sem_post(&arrivals);
}

static inline void await_arrivals(int count)
{
    while (count > 0)
        count -= sem_wait(&arrivals) == 0;
}

static inline void name_me(const char *name)
{
    must(pthread_setname_np(pthread_self(), name) == 0);
}

/* Says that the thread is there, and blocks forever. */
__attribute__((unused, noreturn)) static void block(void)
{
    arrive();
    for (;;)
        pause();
}

/* Without libc's cancellation points, that read the calling thread's descriptor. aarch64 has no pause(2). */
static inline int stay_cloned(void *arg)
{
    (void)arg;
    for (;;)
        syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
    return 0;
}

/* A thread of which libc knows nothing, that stays. `stack_end`: the highest address of its stack. */
static inline void clone_raw(void *stack_end)
{
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    must(clone(stay_cloned, stack_end, flags, NULL) > 0);
}

/* How many threads the kernel has, and whether all but the calling one sleep, or are zombies (proc(5), stat).
 */
static inline int count_tasks(int *asleep)
{
    DIR *folder = opendir("/proc/self/task");
    struct dirent *entry;
    int count = 0;
    *asleep = 1;
    while (folder && (entry = readdir(folder))) {
        char path[300], state = 'X';
        if (entry->d_name[0] == '.')
            continue;
        count++;
        snprintf(path, sizeof path, "/proc/self/task/%s/stat", entry->d_name);
        FILE *file = fopen(path, "re");
        if (file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1 && state != 'S' && state != 'Z' &&
            atoi(entry->d_name) != gettid())
            *asleep = 0;
        if (file)
            fclose(file);
    }
    if (folder)
        closedir(folder);
    return count;
}

/* ThreadSanitizer has a thread of its own. */
#if defined(__SANITIZE_THREAD__)
#define SANITIZER_TASKS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZER_TASKS 1
#endif
#endif
#ifndef SANITIZER_TASKS
#define SANITIZER_TASKS 0
#endif

/* Until the kernel has exactly `tasks` threads of the program's, and all but this one sleep. */
static inline void await_tasks(int tasks)
{
    int asleep;
    while (count_tasks(&asleep) != tasks + SANITIZER_TASKS || !asleep)
        sched_yield();
}

static inline void say_ready(void)
{
    must(printf("ready\n") > 0 && fflush(stdout) == 0);
}

/* Ends a scenario, on the main thread: `tasks` threads are alive, this one too. */
__attribute__((unused, noreturn)) static void be_looked_at(int tasks)
{
    await_tasks(tasks);
    say_ready();
    for (;;)
        pause();
}

#endif
