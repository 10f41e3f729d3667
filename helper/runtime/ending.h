/* SPDX-License-Identifier: MIT
 *
 * ending.h - threads that were told to end and have not come to it yet: the scheduler decides when they do,
 * and is not to decide whether they leaked.
 */
#ifndef THREADLEAK_ENDING_H
#define THREADLEAK_ENDING_H

#include <stdint.h>

#include "candidates.h"

/* Waits until none of the threads is left that `selection` is about and whose ids are below `end`; or all
 * that are left have slept in the kernel for `quiet_ns`; for `most_ns` at most. Async-signal-safe. */
void ending_await(const struct selection *selection, uint64_t end, uint64_t quiet_ns, uint64_t most_ns);

#endif
