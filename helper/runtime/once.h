/* SPDX-License-Identifier: MIT
 *
 * once.h - something that is done once in a process, as it ends: by the thread that comes first, while others
 * that want it wait for it.
 */
#ifndef THREADLEAK_ONCE_H
#define THREADLEAK_ONCE_H

#include <stdint.h>

enum once_phase { ONCE_NOT_YET, ONCE_RUNS, ONCE_DONE };

/* One word, since a signal handler may come at any instruction: whose process, by which thread, how far.
 * What another process left in it, across a fork, does not count. */
struct once {
    uint64_t progress;
    int found; /* valid once it is done */
};

/* Without a system call as long as nobody has begun it. */
enum once_phase once_phase(const struct once *once);

/* What the one call of `act` in this process returns; `nested` to a signal handler that has interrupted it.
 */
int once_do(struct once *once, int (*act)(int), int argument, int nested);

#endif
