/* SPDX-License-Identifier: MIT
 *
 * recent.h - the threads that were created last, by pthread_t.
 *
 * A thread that runs is found through its TLS. One that was just created may not have run yet when its
 * creator names, detaches or joins it; it is found here. A cache: an entry may be overwritten at any time,
 * and then thread.c waits for the thread to begin.
 */
#ifndef THREADLEAK_RECENT_H
#define THREADLEAK_RECENT_H

#include <stdint.h>

#include "threadleak_abi.h"

/* Notes that the thread `pthread` has `record`, under `id`. */
void recent_note(uint64_t pthread, struct threadleak_record *record, uint64_t id);

/* What was noted of `pthread`, of which a later thread may be the owner now: compare the record's id with
 * `id`. NULL: nothing is known. */
struct threadleak_record *recent_find(uint64_t pthread, uint64_t *id);

#endif
