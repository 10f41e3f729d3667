/* SPDX-License-Identifier: MIT
 *
 * registry.h - the exported registry and the life of its records.
 *
 * Lock-free; no malloc; safe in signal handlers. Facts are added to a record by whoever learns them, with
 * one atomic operation each, so that it is consistent at every instruction (see threadleak_abi.h).
 */
#ifndef THREADLEAK_REGISTRY_H
#define THREADLEAK_REGISTRY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "threadleak_abi.h"

extern struct threadleak_registry threadleak_registry;

/* Writes the header and makes the tables. False: another copy of the library, which shares the symbol with
 * this one, did so before; this copy then has to stay passive. */
bool registry_init(void);

/* In a fork child: gives back the records of the threads that are not here, all but the two: that of the
 * thread that called fork, and that of the one which it was creating when a signal handler called fork. Both
 * may be NULL. Costs a look at each record, and a write to those in use. */
void registry_fork_child(const struct threadleak_record *survivor, const struct threadleak_record *creating);

/* CLOCK_MONOTONIC_COARSE in nanoseconds: 5 ns a call instead of 22. */
uint64_t registry_now(void);

/* A record to be filled in by the caller, invisible to readers; NULL (and counted): no room. */
struct threadleak_record *record_take(void);

/* Sets the first state of a record, and its mark: an index into the table of rules, or 0. */
void record_init_facts(struct threadleak_record *record, uint32_t state, uint32_t expected);

/* Makes a filled-in record visible, under the next id, which is returned. */
uint64_t record_publish(struct threadleak_record *record);

/* Takes back a published record whose thread could not be created. */
void record_cancel(struct threadleak_record *record);

/* Adds `bits` (THREADLEAK_STATE_*) to the record that had `id` when the caller found it; it came about at
 * `now_ns`, which the history has met. A record that is joined, or both detached and finished, is thereby
 * given back: returns true then. */
bool record_mark(struct threadleak_record *record, uint64_t id, uint32_t bits, uint64_t now_ns);

/* Marks the record, if it still has `id`, as expected: `rule` is an index into the table of rules. False:
 * that thread is gone. Not in signal handlers. */
bool record_expect(struct threadleak_record *record, uint64_t id, uint32_t rule);

/* The same: a check has told people that it leaked. */
bool record_report(struct threadleak_record *record, uint64_t id);

/* As record_expect, but of the calling thread's own record, and in signal handlers too. Nothing happens once
 * its end was seen. */
void record_expect_own(struct threadleak_record *record, uint32_t rule);

/* Whether the record is in use, not main's, and has a mark that holds. */
bool record_is_expected(const struct threadleak_record *record);

/* How many records in use, main's not counted, have no mark that holds: the calling thread's among them.
 * Three loads. Too many for a moment while threads end; never too few. */
uint64_t registry_unexpected(void);

/* Whether the main thread has a record. */
bool registry_has_main(void);

/* Gives the record the name that the kernel has for the calling thread. */
void record_name_from_kernel(struct threadleak_record *record);

/* Sets the name, as the kernel would: at most 15 bytes of it. */
void record_name(struct threadleak_record *record, const char *name);

#endif
