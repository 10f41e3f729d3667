/* SPDX-License-Identifier: MIT
 *
 * expected.h - marks: which threads are fine, and the sentence that says why, in the registry's table of
 * rules. Lock-free but for the entering of a text; no malloc.
 */
#ifndef THREADLEAK_EXPECTED_H
#define THREADLEAK_EXPECTED_H

#include <stdbool.h>
#include <stdint.h>

#include "threadleak_abi.h"

void expected_init(struct threadleak_table *table);

/* The index of the rule with this text and these flags (THREADLEAK_RULE_*), entered if it is new; 0: no room,
 * or the caller is a signal handler that has interrupted this very function. */
uint32_t expected_rule(const char *text, uint32_t flags);

/* In a fork child nobody enters a text. */
void expected_fork_child(void);

/* Whether the mark `rule`, an index or 0, holds for a thread in this state (THREADLEAK_STATE_*). */
int expected_holds(uint32_t rule, uint32_t state);

/* Whether the mark says that the thread has called exit. */
bool expected_exits(uint32_t rule);

#endif
