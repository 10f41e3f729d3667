/* SPDX-License-Identifier: MIT
 *
 * candidates.h - which threads a check is about, and whether any of them may have leaked, as the registry
 * alone knows it. The main thread and the calling one never are; those whose mark holds are not either.
 */
#ifndef THREADLEAK_CANDIDATES_H
#define THREADLEAK_CANDIDATES_H

#include <stdbool.h>
#include <stdint.h>

#include "threadleak_abi.h"

/* What is checked. */
struct selection {
    uint32_t scope;       /* index: threads of it and of scopes inside it; 0: of any */
    uint64_t first_id;    /* records from this one on */
    bool allows_detached; /* detached threads that are alive are expected */
    bool sees_expected;   /* those that are alive count, unless their mark says that they exit */
    const struct threadleak_record *self; /* of the calling thread, or NULL */
};

struct candidates {
    uint64_t alive, unjoined;
};

/* Whether there is none: decided by counters where they say so, else by a look at all records. Never true
 * where there was one all the time. */
bool candidates_none(const struct selection *selection);

/* How many there are. */
struct candidates candidates_count(const struct selection *selection);

/* Whether the record is one. */
bool candidates_has(const struct selection *selection, const struct threadleak_record *record);

/* Threads of this process that the kernel has and the registry does not know, by two equal looks at least,
 * since the kernel keeps a thread for a moment after its end was seen; where it has the calling thread alone,
 * those that glibc holds to be unjoined. Where all that the registry has is expected: for others it may be
 * too few. -1: /proc cannot be read. */
int64_t candidates_untracked(const struct threadleak_record *self);

#endif
