/* SPDX-License-Identifier: MIT
 *
 * child.h - a process to look at: a child of the test that runs a function of it. It dies with the test.
 */
#ifndef THREADLEAK_TEST_CHILD_H
#define THREADLEAK_TEST_CHILD_H

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "states.h"

/* Memory that the child shares with the test. */
struct shared {
    atomic_uint arrived; /* threads that are about to block */
    atomic_uint go;      /* what the test lets happen next */
    atomic_ullong count; /* what the child counts */
    atomic_uint pid;
    uint32_t tid[16];
    uint64_t pthread[16];
    uint64_t address[4];
};

struct child {
    pid_t pid;
    struct shared *shared;
};

static inline void sleep_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static inline struct child start_child(void (*body)(struct shared *shared))
{
    struct child child;
    child.shared =
        mmap(NULL, sizeof *child.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(child.shared != MAP_FAILED);
    fflush(NULL);
    child.pid = fork();
    assert_true(child.pid >= 0);
    if (!child.pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(100);
        body(child.shared);
        for (;;)
            pause();
    }
    return child;
}

static inline void end_child(struct child *child)
{
    int status;
    kill(child->pid, SIGKILL);
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    munmap(child->shared, sizeof *child->shared);
}

/* Waits until `condition` holds, a minute at most. */
#define await(condition)                                                                                     \
    do {                                                                                                     \
        int left_ = 30000;                                                                                   \
        while (!(condition) && left_--)                                                                      \
            sleep_ms(2);                                                                                     \
        if (left_ < 0)                                                                                       \
            fail_msg("never true: %s", #condition);                                                          \
    } while (0)

/* In the child: a thread; it says who it is, and its number. */
static inline void note_thread(struct shared *shared, unsigned number)
{
    shared->tid[number] = (uint32_t)syscall(SYS_gettid);
    shared->pthread[number] = (uint64_t)pthread_self();
    atomic_fetch_add(&shared->arrived, 1);
}

/* A thread of the child's that waits for ever; its number is 2. */
static inline void *pausing(void *shared)
{
    note_thread(shared, 2);
    for (;;)
        pause();
    return NULL;
}

/* First letter of the state of a thread, and who traces it, as the kernel tells. */
static inline char state_of_thread(pid_t pid, uint32_t tid, int *tracer)
{
    char path[64], line[256], state = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%u/status", pid, tid);
    FILE *file = fopen(path, "re");
    *tracer = 0;
    while (file && fgets(line, sizeof line, file)) {
        sscanf(line, "State: %c", &state);
        sscanf(line, "TracerPid: %d", tracer);
    }
    if (file)
        fclose(file);
    return state;
}

#endif
