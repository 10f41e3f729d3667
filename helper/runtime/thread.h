/* SPDX-License-Identifier: MIT
 *
 * thread.h - what each thread knows of itself, and how it finds out that it begins and ends.
 */
#ifndef THREADLEAK_THREAD_H
#define THREADLEAK_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "threadleak.h"
#include "threadleak_abi.h"

/* 32 bytes of static TLS. Initial-exec, so that the words lie at a constant offset from any thread's
 * pthread_t: that finds the record of another thread without a hash table, and readers do the same. */
struct thread_self {
    struct threadleak_record *record; /* NULL: not ours; THREAD_RELEASED: given back */
    threadleak_scope_t scope;         /* the current one */
    uint8_t end_rounds;               /* of destructors that ran already */
    uint8_t starting;                 /* this thread initializes the library */
    uint8_t draft_busy;               /* a creation is under way, which writes to the draft */
    struct threadleak_site *draft;    /* where it writes the next creation stack */
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
struct threadleak_record *thread_record(void);

/* The id of the calling thread, 0 if it has no record. */
uint64_t thread_id(void);

/* The record of the thread `pthread`, which must be a valid pthread_t as for pthread_join itself. */
struct thread_found thread_find(pthread_t pthread);

/* The same after a join has succeeded: `found` as it was before, or, where the thread had not begun to run
 * then, what its record turned out to be. */
struct thread_found thread_find_joined(pthread_t pthread, struct thread_found found);

/* Whether the calling thread came out of a fork that ran no atfork handlers (_Fork). */
bool thread_was_forked(void);

/* In a fork child: the calling thread is the only one, and the main one from now on. */
void threads_fork_child(void);

#endif
