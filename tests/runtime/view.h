/* SPDX-License-Identifier: MIT
 *
 * view.h - looks into the registry of the test's own process, as a reader would.
 */
#ifndef TESTS_VIEW_H
#define TESTS_VIEW_H

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "threadleak_abi.h"

extern struct threadleak_registry threadleak_registry;

static inline void *view_entry(const struct threadleak_table *table, uint64_t index)
{
    uint32_t chunk = 0;
    while (index >= table->chunks[chunk].count)
        index -= table->chunks[chunk++].count;
    return (void *)(uintptr_t)(table->chunks[chunk].address + index * table->entry_size);
}

/* The record with `id`, NULL once it was given back. */
static inline struct threadleak_record *view_record(uint64_t id)
{
    for (uint64_t i = 0; i < threadleak_registry.records.used; i++) {
        struct threadleak_record *record = view_entry(&threadleak_registry.records, i);
        if (__atomic_load_n(&record->id, __ATOMIC_ACQUIRE) == id)
            return record;
    }
    return NULL;
}

/* The id that the next thread gets. */
static inline uint64_t view_next_id(void)
{
    return __atomic_load_n(&threadleak_registry.next_id, __ATOMIC_SEQ_CST);
}

static inline uint64_t view_records(void)
{
    return view_next_id() - 1 - __atomic_load_n(&threadleak_registry.released, __ATOMIC_SEQ_CST);
}

static inline uint32_t view_state(uint64_t id)
{
    const struct threadleak_record *record = view_record(id);
    return record ? __atomic_load_n(&record->state, __ATOMIC_ACQUIRE) : 0;
}

/* Waits for an event that is under way; a test that never sees it is ended by the test runner's alarm. */
#define AWAIT(condition)                                                                                     \
    do                                                                                                       \
        sched_yield();                                                                                       \
    while (!(condition))

#endif
