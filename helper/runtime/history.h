/* SPDX-License-Identifier: MIT
 *
 * history.h - how the numbers of threads go over time, for the process and for each site.
 *
 * Counters that only grow, and rings of buckets that say how they stood when a stretch of time was entered
 * (threadleak_abi.h). Whoever first meets an event in a new stretch opens the bucket, by one exchange; one
 * who is killed in there leaves a bucket that readers pass over. Nobody waits for anybody.
 */
#ifndef THREADLEAK_HISTORY_H
#define THREADLEAK_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "registry.h"

/* Where the option history says so. Once the registry is there. */
void history_init(void);

static inline bool history_is_kept(void)
{
    return threadleak_registry.history != 0;
}

void history_count_created(uint32_t site, uint64_t now_ns);
void history_count_finished(uint32_t site);
void history_count_released(uint32_t site, bool was_joined);
void history_enter(uint32_t site, uint64_t now_ns);

/* A thread that nobody created, main, is alive; or it finished. */
void history_initial(bool is_alive);

/* A record was published for a thread that is created at `site`, and the site has counted it. */
static inline void history_created(uint32_t site, uint64_t now_ns)
{
    if (history_is_kept())
        history_count_created(site, now_ns);
}

/* It could not be created; before its record is given back. */
void history_cancelled(void);

/* Something is about to be counted of a thread that was created at `site`. Not together with the counting,
 * which lies deeper, so that a thread's stack never holds both. */
static inline void history_meet(uint32_t site, uint64_t now_ns)
{
    if (history_is_kept())
        history_enter(site, now_ns);
}

static inline void history_finished(uint32_t site)
{
    if (history_is_kept())
        history_count_finished(site);
}

/* Nothing is left of the thread: it was joined, or had been detached and finished. */
static inline void history_released(uint32_t site, bool was_joined)
{
    if (history_is_kept())
        history_count_released(site, was_joined);
}

/* In a fork child, after its records: all begins anew. */
void history_fork_child(bool has_survivor, bool is_creating);

#endif
