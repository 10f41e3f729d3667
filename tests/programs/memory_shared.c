/* SPDX-License-Identifier: MIT
 *
 * Main waits for a mutex that is locked in its own name. With argument clone by a process that it made by
 * clone() with CLONE_VM, which has its thread pointer: main is not stuck. With argument vfork by itself,
 * while a child of vfork lives that another thread made.
 */
#include "scenario.h"

#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_int is_locked, is_there;
static char stack[1 << 16];

static int locker(void *arg)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    must(pthread_mutex_lock(&mutex) == 0);
    is_locked = 1;
    return stay_cloned(arg);
}

static int spawned(void *arg)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    is_there = 1;
    return stay_cloned(arg);
}

static void *spawner(void *arg)
{
    must(clone(spawned, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL) > 0);
    return arg;
}

/* The thread that vfork made wait sleeps so deep that await_tasks() does not count it as asleep. */
static void *observer(void *arg)
{
    char state = 'R';
    while (state != 'S') {
        FILE *file = fopen("/proc/self/stat", "re");
        must(file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1 && fclose(file) == 0);
    }
    say_ready();
    block();
    return arg;
}

int main(int argc, char **argv)
{
    must(argc == 2);
    pthread_t thread;
    if (!strcmp(argv[1], "clone")) {
        must(clone(locker, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL) > 0);
        while (!is_locked)
            sched_yield();
    } else {
        must(pthread_create(&thread, NULL, spawner, NULL) == 0);
        while (!is_there)
            sched_yield();
        must(pthread_mutex_lock(&mutex) == 0);
    }
    must(pthread_create(&thread, NULL, observer, NULL) == 0);
    pthread_mutex_lock(&mutex);
    return 0;
}
