/* SPDX-License-Identifier: MIT */
#include "stop.h"

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "access.h"
#include "arch.h"
#include "error.h"
#include "procfs.h"

#define PATIENCE_NS UINT64_C(1000000000) /* for threads that do not stop */
#define PASSES 100                       /* over a process that makes threads as fast as we find them */

enum state {
    SEIZED, /* does not stand still yet */
    STILL,
    LOOSE, /* did not stop in time */
    GONE,
};

struct held {
    uint32_t tid;
    enum state state;
    int signal; /* that it was about to take when it stopped */
    unsigned char registers[USER_REGISTERS_MAX];
};

struct stop {
    int pid, task;
    struct held *threads; /* in the order of their ids, those of the last pass behind it */
    uint32_t count, room;
    pthread_t tracer;
    sem_t is_held, may_go;
    bool failed;
    char error[512]; /* of the tracer, for the thread that asked */
    uint64_t began, ended;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int by_tid(const void *left, const void *right)
{
    uint32_t a = ((const struct held *)left)->tid, b = ((const struct held *)right)->tid;
    return a < b ? -1 : a > b;
}

/* A thread that ended and that nobody has waited for: main, after pthread_exit, stays so. */
static bool is_zombie(const struct stop *stop, uint32_t tid)
{
    char name[32], text[4096];
    snprintf(name, sizeof name, "%u/status", tid);
    if (procfs_read_short(stop->task, name, text, sizeof text) <= 0)
        return true;
    const char *state = procfs_field(text, "State");
    return state && (*state == 'Z' || *state == 'X');
}

/* Adds a thread. False: an error is set; one that is gone is no error. */
static bool seize(struct stop *stop, uint32_t tid)
{
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL)) {
        int error = errno;
        if (error == ESRCH || is_zombie(stop, tid))
            return true;
        if (!access_is_traced(stop->pid, (int)tid))
            access_explain(stop->pid, error);
        return false;
    }
    if (stop->count == stop->room) {
        uint32_t room = stop->room ? stop->room * 2 : 64;
        struct held *larger = realloc(stop->threads, room * sizeof *larger);
        if (!larger) {
            probe_error("out of memory");
            return false;
        }
        stop->threads = larger;
        stop->room = room;
    }
    stop->threads[stop->count++] = (struct held){.tid = tid};
    return true;
}

/* Seizes threads that were not seen yet. False: an error is set. */
static bool seize_new(struct stop *stop)
{
    uint32_t listed, known = stop->count;
    uint32_t *tids = procfs_threads(stop->task, &listed);
    if (!tids) {
        access_explain(stop->pid, errno);
        return false;
    }
    if (known)
        qsort(stop->threads, known, sizeof *stop->threads, by_tid);
    bool ok = true;
    for (uint32_t i = 0; ok && i < listed; i++) {
        struct held key = {.tid = tids[i]};
        if (!known || !bsearch(&key, stop->threads, known, sizeof key, by_tid))
            ok = seize(stop, tids[i]);
    }
    free(tids);
    return ok;
}

/* What waitpid tells of a thread. */
static void take_in(struct held *thread, int status)
{
    if (!WIFSTOPPED(status)) {
        thread->state = GONE;
        return;
    }
    struct iovec registers = {thread->registers, sizeof thread->registers};
    if (ptrace(PTRACE_GETREGSET, thread->tid, NT_PRSTATUS, &registers)) {
        thread->state = GONE; /* killed meanwhile */
        return;
    }
    /* an event is our interrupt or a stop of the whole process; else a signal is about to be delivered */
    thread->signal = status >> 16 ? 0 : WSTOPSIG(status);
    thread->state = STILL;
}

/* Never waits in waitpid: a thread that no signal reaches would not stop, and of a main thread that leaves by
 * pthread_exit nothing is told before all the others have ended, which we keep from ending. */
static void await(struct stop *stop)
{
    uint64_t deadline = now_ns() + PATIENCE_NS;
    struct timespec pause = {0, 20000};
    for (;;) {
        uint32_t waiting = 0;
        for (uint32_t i = 0; i < stop->count; i++) {
            struct held *thread = &stop->threads[i];
            if (thread->state != SEIZED)
                continue;
            int status;
            pid_t got = waitpid((pid_t)thread->tid, &status, __WALL | __WNOTHREAD | WNOHANG);
            if (got > 0)
                take_in(thread, status);
            else if (got < 0 || (pause.tv_nsec > 500000 && is_zombie(stop, thread->tid)))
                thread->state = GONE;
            else
                waiting++;
        }
        if (!waiting)
            return;
        if (now_ns() > deadline)
            break;
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 1000000)
            pause.tv_nsec *= 2;
    }
    for (uint32_t i = 0; i < stop->count; i++)
        if (stop->threads[i].state == SEIZED)
            stop->threads[i].state = LOOSE;
}

/* Whether those that we hold are all that the process has, so that nobody is left who could make another one.
 * The kernel's count has a main thread that left in it, and we have not: then a second list tells. */
static bool has_all(const struct stop *stop)
{
    struct stat status;
    uint32_t held = 0;
    for (uint32_t i = 0; i < stop->count; i++)
        held += stop->threads[i].state != GONE;
    /* "." and ".." (fs/proc/base.c: proc_task_getattr) */
    return !fstat(stop->task, &status) && status.st_nlink == held + 2;
}

static bool hold_all(struct stop *stop)
{
    for (int pass = 0; pass < PASSES; pass++) {
        if (!seize_new(stop))
            return false;
        uint32_t added = 0;
        for (uint32_t i = 0; i < stop->count; i++) {
            struct held *thread = &stop->threads[i];
            if (thread->state != SEIZED)
                continue;
            if (!stop->began)
                stop->began = now_ns();
            ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL);
            added++;
        }
        if (!added)
            return true;
        await(stop);
        if (has_all(stop))
            return true;
    }
    probe_error("process %d makes threads faster than they can be stopped", stop->pid);
    return false;
}

static void release_all(struct stop *stop)
{
    for (uint32_t i = 0; i < stop->count; i++) {
        struct held *thread = &stop->threads[i];
        int status;
        if (thread->state != STILL && thread->state != GONE &&
            waitpid((pid_t)thread->tid, &status, __WALL | __WNOTHREAD | WNOHANG) > 0)
            take_in(thread, status);
        if (thread->state == STILL)
            ptrace(PTRACE_DETACH, thread->tid, NULL, (void *)(intptr_t)thread->signal);
    }
    stop->ended = now_ns();
}

static void *trace(void *argument)
{
    struct stop *stop = argument;
    stop->failed = !hold_all(stop);
    if (stop->failed)
        snprintf(stop->error, sizeof stop->error, "%s", threadleak_probe_error());
    sem_post(&stop->is_held);
    while (!stop->failed && sem_wait(&stop->may_go)) {
        /* EINTR */
    }
    release_all(stop);
    return NULL;
}

static void forget_gone(struct stop *stop)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < stop->count; i++)
        if (stop->threads[i].state != GONE)
            stop->threads[kept++] = stop->threads[i];
    stop->count = kept;
}

static void free_stop(struct stop *stop)
{
    sem_destroy(&stop->is_held);
    sem_destroy(&stop->may_go);
    free(stop->threads);
    free(stop);
}

static bool start_tracer(struct stop *stop)
{
    sigset_t all, before;
    sigfillset(&all);
    /* Each thread that stops sends one to the tracer: ignored as by default, the kernel drops it at once, but
     * a blocked one it keeps, and wakes the thread that asked, each time (kernel/signal.c: sig_ignored). */
    sigdelset(&all, SIGCHLD);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&stop->tracer, NULL, trace, stop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        probe_error("no thread could be made to stop process %d: %s", stop->pid, strerror(error));
    return !error;
}

struct stop *stop_process(int pid, int task)
{
    struct stop *stop = calloc(1, sizeof *stop);
    if (!stop) {
        probe_error("out of memory");
        return NULL;
    }
    stop->pid = pid;
    stop->task = task;
    sem_init(&stop->is_held, 0, 0);
    sem_init(&stop->may_go, 0, 0);
    if (!start_tracer(stop)) {
        free_stop(stop);
        return NULL;
    }
    while (sem_wait(&stop->is_held)) {
        /* EINTR */
    }
    if (stop->failed) {
        pthread_join(stop->tracer, NULL);
        probe_error("%s", stop->error);
        free_stop(stop);
        return NULL;
    }
    forget_gone(stop);
    return stop;
}

uint32_t stop_count(const struct stop *stop)
{
    return stop->count;
}

uint32_t stop_tid(const struct stop *stop, uint32_t index)
{
    return stop->threads[index].tid;
}

const void *stop_registers(const struct stop *stop, uint32_t index)
{
    return stop->threads[index].state == STILL ? stop->threads[index].registers : NULL;
}

uint64_t stop_end(struct stop *stop)
{
    sem_post(&stop->may_go);
    pthread_join(stop->tracer, NULL);
    uint64_t stopped_ns = stop->ended - stop->began;
    free_stop(stop);
    return stopped_ns;
}
