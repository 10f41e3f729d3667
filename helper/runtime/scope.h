/* SPDX-License-Identifier: MIT
 *
 * scope.h - named stretches of work that threads created inside them inherit. Lock-free; no malloc.
 */
#ifndef THREADLEAK_SCOPE_H
#define THREADLEAK_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "threadleak.h"
#include "threadleak_abi.h"

void scopes_init(struct threadleak_table *table);

/* The index of the scope that `handle` names, with one more user; 0: none, or it is no longer there. */
uint32_t scope_hold(threadleak_scope_t handle);

/* One user less. The last one gives the scope back. 0 is ignored. */
void scope_drop(uint32_t index);

/* The handle of a scope that the caller holds; 0 for 0. */
threadleak_scope_t scope_handle(uint32_t index);

/* The id of a scope that the caller holds; 0 for 0. */
uint64_t scope_id(uint32_t index);

/* Its check will find `count` leaks. False: the scope has ended, or is none. */
bool scope_announce(threadleak_scope_t handle, uint32_t count);

/* In a fork child: the records of these two threads (or NULL) are all that is left. */
void scopes_fork_child(const struct threadleak_record *survivor, const struct threadleak_record *creating);

#endif
