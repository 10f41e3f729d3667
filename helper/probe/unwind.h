/* SPDX-License-Identifier: MIT
 *
 * unwind.h - stacks, by libdw, from the registers and the memory of a source. Equal ones are kept once.
 */
#ifndef THREADLEAK_UNWIND_H
#define THREADLEAK_UNWIND_H

#include "probe.h"

void stacks_free(struct stacks *stacks); /* NULL is allowed */

/* For tests: both ways to unwind must find the same. */
extern bool stacks_use_libdw_alone;

#endif
