/* SPDX-License-Identifier: MIT
 *
 * sites.h - distinct creation stacks, each kept once.
 *
 * Lock-free; no malloc. A lookup of a known stack costs a hash and one comparison.
 */
#ifndef THREADLEAK_SITES_H
#define THREADLEAK_SITES_H

#include <stdbool.h>
#include <stdint.h>

#include "threadleak_abi.h"

#define SITE_FRAMES_MAX 128 /* the most that the option `frames` takes */

/* Makes the table; the size of an entry follows from options.frames. */
void sites_init(struct threadleak_table *table);

/* A site that is not in use yet, whose frames (options.frames of them fit) the caller writes: in the table
 * itself, since the stack of a thread that creates others may be small. NULL (and counted): no room. */
struct threadleak_site *site_draft(uint64_t **frames);

/* The index of the site with the `count` frames written to `draft`, entered on first sight, and counts one
 * more thread there. The draft is the caller's no longer. 0: no frames, or no room (counted). `creator_site`
 * is kept with the first thread alone. */
uint32_t site_count(struct threadleak_site *draft, unsigned count, uint32_t flags, uint32_t creator_site);

/* Takes back one thread that was counted at `site` but could not be created. */
void site_uncount(uint32_t site);

/* Marks what is created at `site` from now on, to begin in the routine `start`, as expected: `rule` is an
 * index into the table of rules. False: there is no such site. */
bool site_expect(uint32_t site, uint64_t start, uint32_t rule);

/* The mark of what begins in `start` and is created at `site`, 0: none. */
uint32_t site_expected(uint32_t site, uint64_t start);

/* The site with that index, which is one; NULL: 0, none. */
struct threadleak_site *site_at(uint32_t index);

/* The calling thread ends: gives its draft to others. */
void site_thread_ends(void);

/* In a fork child: the stacks stay, for the ancestry of the thread that forked; the counts begin anew.
 * `creating`: site of the thread that it was about to create, 0: none. */
void sites_fork_child(uint32_t creating);

#endif
