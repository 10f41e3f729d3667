/* SPDX-License-Identifier: MIT
 *
 * sites.h - distinct creation stacks, each kept once.
 *
 * Lock-free; no malloc. A lookup of a known stack costs a hash and one comparison.
 */
#ifndef THREADLEAK_SITES_H
#define THREADLEAK_SITES_H

#include <stdint.h>

#include "threadleak_abi.h"

#define SITE_FRAMES_MAX 128 /* the most that the option `frames` takes */

/* Makes the table; the size of an entry follows from options.frames. */
void sites_init(struct threadleak_table *table);

/* The index of the site with these frames, entered on first sight, and counts one more thread there. 0 (and
 * counted as dropped): no room. `creator_site` is kept with the first thread alone. */
uint32_t site_count(const uint64_t *frames, unsigned count, uint32_t flags, uint32_t creator_site);

/* Takes back one thread that was counted at `site` but could not be created. */
void site_uncount(uint32_t site);

/* In a fork child: the stacks stay, for the ancestry of the thread that forked; the counts begin anew. */
void sites_fork_child(void);

#endif
