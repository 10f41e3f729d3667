/* SPDX-License-Identifier: MIT
 *
 * early.h - what is said of a thread before its first instruction.
 *
 * pthread_create returns, and the creator names, detaches or joins the thread, before the thread itself has
 * run and can be found by its pthread_t. Who says so leaves it here, and the thread picks it up as it begins.
 * Lock-free; no malloc. Almost always empty, and then it costs a thread one load.
 */
#ifndef THREADLEAK_EARLY_H
#define THREADLEAK_EARLY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "threadleak_abi.h"

struct early_fact {
    uint32_t state;     /* bits to add to the record: THREADLEAK_STATE_DETACHED, or 0 */
    uint64_t joiner;    /* id of a thread that joins it, or 0 */
    uint64_t joined_ns; /* since when, or 0 */
    const char *name;   /* or NULL */
};

/* Leaves `fact` for the thread `pthread`, if a thread that has not begun yet exists: returns a ticket, else
 * (or where there is no room) -1. Look the thread up once more afterwards: it may have begun meanwhile. */
int early_leave(pthread_t pthread, const struct early_fact *fact);

/* Takes it away again. False: the thread has picked it up. */
bool early_withdraw(int ticket, pthread_t pthread);

/* Called by a thread once it can be found: adds what was left for it to its record. */
void early_pick_up(struct threadleak_record *record);

/* In a fork child. */
void early_fork_child(void);

#endif
