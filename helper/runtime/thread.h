/* SPDX-License-Identifier: MIT
 *
 * thread.h - what each thread knows of itself, and how it finds out that it begins and ends.
 */
#ifndef THREADLEAK_THREAD_H
#define THREADLEAK_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "threadleak.h"
#include "threadleak_abi.h"

/* 64 bytes of static TLS. Initial-exec, so that the words lie at a constant offset from any thread's
 * pthread_t: that finds the record of another thread without a hash table, and readers do the same. */
struct thread_self {
    struct threadleak_record *record;   /* NULL: not ours; THREAD_RELEASED: given back */
    uint64_t id;                        /* of the record: it may be another thread's after our end was seen */
    threadleak_scope_t scope;           /* the current one */
    struct threadleak_record *creating; /* of the thread that this one is about to create */
    struct threadleak_site *draft;      /* where it writes the next creation stack */
    uintptr_t stack_top;                /* an address near the outer end of its stack */
    uint8_t draft_busy;                 /* a creation is under way, which writes to the draft */
    uint8_t keeps_draft;                /* its end will be seen, and gives the draft back */
    uint8_t end_rounds;                 /* of destructors that ran already */
    uint8_t starting;                   /* this thread initializes the library */
    uint8_t checking;                   /* it is in a check that waits */
    uint32_t expect;                    /* leaks announced for its next check, plus 1; 0: nothing was said */
};

#define THREAD_RELEASED ((struct threadleak_record *)1)

extern __thread struct thread_self thread __attribute__((tls_model("initial-exec")));

/* A record as found, with the id that it had then. */
struct thread_found {
    struct threadleak_record *record; /* NULL: not known */
    uint64_t id;
};

/* Prepares what threads need. Called once, on the first thread that gets here. */
void threads_init(void);

/* The calling thread's first and last words, in its record: called as its first act, before its start
 * routine; the end is seen by a thread-specific-data destructor, thus on return, pthread_exit, thrd_exit and
 * cancellation alike, without a frame of ours on its stack. */
void thread_begin(struct threadleak_record *record);

/* Makes a record for the main thread, which nobody created. */
void thread_begin_main(void);

/* The calling thread's record, or NULL. */
static inline struct threadleak_record *thread_record(void)
{
    struct threadleak_record *record = thread.record;
    if (!record || record == THREAD_RELEASED)
        return NULL;
    return __atomic_load_n(&record->id, __ATOMIC_RELAXED) == thread.id ? record : NULL;
}

/* The id of the calling thread, 0 if it has no record. */
static inline uint64_t thread_id(void)
{
    return thread_record() ? thread.id : 0;
}

/* The creator of the thread `pthread` knows its record, under `id`, before it has begun. */
void thread_note(struct threadleak_record *record, uint64_t id, pthread_t pthread);

/* The record of the thread `pthread`, which may be any number: also where the thread has not run its first
 * instruction yet. */
struct thread_found thread_find(pthread_t pthread);

/* The same after a join that thread_find knew nothing for: `before_id` is next_id as it was before the join.
 */
struct thread_found thread_find_joined(pthread_t pthread, uint64_t before_id);

/* Whether this process came out of a fork that ran no atfork handlers (_Fork). */
bool thread_was_forked(void);

/* In a fork child: the calling thread is the only one, and the main one from now on. */
void threads_fork_child(void);

#endif
