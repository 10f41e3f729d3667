/* SPDX-License-Identifier: MIT
 *
 * events.h - the ring of what threads did last.
 *
 * Any number of threads write it at once, and in signal handlers. An entry is reserved by one addition, and
 * sealed with a sum over what was written, so that readers tell a whole event from one that is being written
 * or that was written over. Nothing orders the stores, and nobody waits.
 */
#ifndef THREADLEAK_EVENTS_H
#define THREADLEAK_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "threadleak_abi.h"

/* Where the option events says so. Once the registry is there. */
void events_init(void);

/* No event is noted from now on. */
void events_stop(void);

/* NULL: none are noted. */
extern uint64_t *events_ring;

static inline bool events_are_noted(void)
{
    return __atomic_load_n(&events_ring, __ATOMIC_RELAXED) != NULL;
}

/* What stands in an event, but for a name: the fields of struct threadleak_event. */
struct event {
    uint32_t kind, tid;
    uint64_t thread, other;
    uint32_t site, scope;
    uint64_t began;
};

void event_write(uint64_t ticks, uint64_t kind_and_tid, uint64_t thread, uint64_t other,
                 uint64_t site_and_scope, uint64_t began);

static inline void event_note(struct moment at, struct event event)
{
    if (__builtin_expect(events_are_noted(), 1))
        event_write(at.ticks, event.kind | (uint64_t)event.tid << 32, event.thread, event.other,
                    event.site | (uint64_t)event.scope << 32, event.began);
}

/* With a name, of which at most 72 bytes are kept. */
void event_note_named(struct moment at, struct event event, const char *name);

/* In a fork child: those before are the parent's. */
void events_fork_child(void);

#endif
