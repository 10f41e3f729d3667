/* SPDX-License-Identifier: MIT
 *
 * What the wrappers cost per create+join, with libc's part taken away: the archive's wrappers call the
 * functions __real_* below, which do what the caller of the wrapper sees of a thread that has not got as far
 * as noting its pthread_t: that note, the thread's own work else, is counted too, and so is its end. Prints
 * nanoseconds of thread CPU time, the median of nine rounds.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "events.h"
#include "history.h"
#include "registry.h"

#define PAIRS 200000
#define ROUNDS 9

int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_join(pthread_t, void **);
int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __real_pthread_join(pthread_t, void **);

/* Stands for a thread's descriptor, with its TLS below. */
static uint64_t descriptor[64];
static struct threadleak_record *created;

/* What the thread itself adds to history and events: its start, and its end, which its joiner waits for. With
 * the options history=0 and events=0 that is nothing but the mark of its end. */
static void note_start(const struct threadleak_record *record)
{
    if (events_are_noted())
        event_note(moment_now(),
                   (struct event){.kind = THREADLEAK_EVENT_START, .thread = record->id, .tid = 1});
}

static void note_end(struct threadleak_record *record)
{
    struct moment now = moment_now();
    event_note(now, (struct event){.kind = THREADLEAK_EVENT_FINISH, .thread = record->id});
    history_meet(record->site, now.ns);
    record_mark(record, record->id, THREADLEAK_STATE_FINISHED, now.ns);
}

int __real_pthread_create(pthread_t *pthread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
    (void)attr, (void)start;
    struct threadleak_record *record = arg;
    *pthread = (pthread_t)&descriptor[63];
    *(uint64_t *)((char *)*pthread + threadleak_registry.self_offset) = (uintptr_t)record;
    record->state |= THREADLEAK_STATE_STARTED;
    note_start(record);
    created = record;
    return 0;
}

int __real_pthread_join(pthread_t pthread, void **value)
{
    (void)pthread, (void)value;
    note_end(created);
    return 0;
}

static void *start(void *arg)
{
    return arg;
}

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(int depth)
{
    double ns[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        double begin = cpu_ns();
        for (int i = 0; i < PAIRS; i++) {
            pthread_t pthread;
            __wrap_pthread_create(&pthread, NULL, start, NULL);
            __wrap_pthread_join(pthread, NULL);
        }
        ns[round] = (cpu_ns() - begin) / PAIRS;
    }
    qsort(ns, ROUNDS, sizeof ns[0], ascending);
    printf("%5d frames  %6.1f ns  (%.1f to %.1f)\n", depth, ns[ROUNDS / 2], ns[0], ns[ROUNDS - 1]);
}

/* Frames of a fixed size, without frame pointers, as an optimizing compiler makes them. */
__attribute__((noinline)) static int descend(int left, int depth)
{
    volatile char frame[48];
    frame[0] = (char)left;
    if (left > 0)
        descend(left - 1, depth);
    else
        measure(depth);
    return frame[0];
}

int main(void)
{
    const int depths[] = {5, 11, 16, 32};
    printf("wrapper of one create+join, libc's part stubbed out\n");
    for (unsigned i = 0; i < sizeof depths / sizeof depths[0]; i++)
        descend(depths[i] - 6, depths[i]); /* measure, main, and libc's three below main stand there too */
    return 0;
}
