/* SPDX-License-Identifier: MIT
 *
 * handles.h - what is known of pthread_t values that were in use lately: whose record goes with one, and how
 * one ceased to be valid.
 *
 * libc gives a pthread_t to the next thread as soon as it can. Two use this cache: thread.c, for a thread
 * that was just created, and may not have run yet when its creator names, detaches or joins it (one that runs
 * is found through its TLS); and misuse.c, for one that is used again after its end. An entry may be
 * overwritten at any time.
 */
#ifndef THREADLEAK_HANDLES_H
#define THREADLEAK_HANDLES_H

#include <stdbool.h>
#include <stdint.h>

#include "threadleak_abi.h"

enum handle_fate { HANDLE_VALID, HANDLE_JOINED, HANDLE_DETACHED };

struct handle {
    struct threadleak_record *record; /* of which a later thread may be the owner now: compare its id */
    uint64_t id;
    enum handle_fate fate;
    uint32_t site; /* of its creation */
    uintptr_t pc;  /* where it was joined or detached */
};

/* Notes `handle` of `pthread`, unless as much, or a later thread, is there already. */
void handle_note(uint64_t pthread, const struct handle *handle);

/* What was noted of `pthread` last. False: nothing is known. */
bool handle_find(uint64_t pthread, struct handle *handle);

#endif
