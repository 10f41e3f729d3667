/* SPDX-License-Identifier: MIT
 *
 * verify.h - checks: which of some threads leaked. The functions of threadleak.h and the check at exit are
 * thin layers over this one.
 *
 * A check decides from counters where it can. Else it lets threads end (settle.h), starts the engine, which
 * applies the rules and prints the report (engine.h), and falls back to the plain report (report.h) where
 * there is no engine. No malloc, no libc function that is a cancellation point; errno is kept. Not
 * async-signal-safe, except that a check in a signal handler that interrupts another one returns -1.
 */
#ifndef THREADLEAK_VERIFY_H
#define THREADLEAK_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "candidates.h"
#include "threadleak.h"

enum verify_what {
    VERIFY_SCOPE, /* threads of the scope with this id, and of scopes inside it; the caller holds the scope */
    VERIFY_SINCE, /* threads with this id or a higher one; 1: the whole process */
    VERIFY_EXIT, /* the whole process, which is about to end: the calling thread does not count; main does not
                    either. Threads that are alive are judged anew, marked and detached ones too: they may be
                    stuck by now */
};

struct verify_request {
    enum verify_what what;
    uint32_t scope;    /* VERIFY_SCOPE: index of the scope */
    uint64_t id;       /* of the scope (its serial number), or the first record that counts (0: 1) */
    const char *title; /* shown in the report: the name of the test; NULL or "": "process" */
    const struct threadleak_options *how; /* NULL: the defaults */
    bool holds; /* nothing is printed yet: the engine keeps the report (engine.h), if threads leaked. Where
                   it cannot be told, nothing is kept */
};

/* The number of threads that leaked, or THREADLEAK_CANNOT_TELL; see threadleak.h. The report is out when it
 * returns. Blocks for settle_ms at most, and for as long as the engine takes; other checks that are under way
 * come first. */
int verify(const struct verify_request *request);

/* Whether nothing is left that a check would have to look at. The only system call is for the kernel's count
 * of threads, made if it `counts`; so a copy, made by vfork or clone, hears what holds of the process that it
 * is of. False: verify finds out. */
bool verify_is_clean(const struct verify_request *request, bool counts);

/* Which threads such a request is about. */
struct selection verify_selection(const struct verify_request *request, uint32_t flags);

/* The result of a check that cannot be made, with the reason. */
int verify_unable(const struct threadleak_options *how, const char *why);

#endif
