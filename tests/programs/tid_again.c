/* SPDX-License-Identifier: MIT
 *
 * A thread locks a mutex and forks; the parent ends, and in the child a new thread gets the tid that the one
 * which forked had, and waits for the mutex, which that still holds. To be run as root, in a PID namespace of
 * its own, where nobody else takes tids.
 */
#include "scenario.h"

#include <signal.h>
#include <sys/wait.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *waiter(void *tid)
{
    must(gettid() == *(pid_t *)tid);
    name_me("waiter");
    pthread_mutex_lock(&mutex);
    return NULL;
}

static void *forks(void *arg)
{
    pid_t tid = gettid(), parent = getpid();
    pthread_t thread;
    (void)arg;
    must(pthread_mutex_lock(&mutex) == 0);
    pid_t child = fork();
    must(child >= 0);
    if (child)
        _exit(0);
    while (kill(tid, 0) == 0 || kill(parent, 0) == 0) /* until they are waited for */
        sched_yield();
    FILE *file = fopen("/proc/sys/kernel/ns_last_pid", "we");
    must(file && fprintf(file, "%d", tid - 1) > 0 && fclose(file) == 0);
    must(pthread_create(&thread, NULL, waiter, &tid) == 0);
    be_looked_at(2);
}

int main(void)
{
    pthread_t thread;
    pid_t child = fork();
    must(child >= 0);
    while (child) /* the first process of a namespace has to stay */
        wait(NULL);
    must(pthread_create(&thread, NULL, forks, NULL) == 0);
    pthread_join(thread, NULL);
    return 0;
}
