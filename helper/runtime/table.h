/* SPDX-License-Identifier: MIT
 *
 * table.h - a table of the registry: entries in chunks that are appended, never moved or freed, so that
 * an entry's address stays good for as long as the process lives, for us and for whoever reads us.
 *
 * Lock-free; safe in signal handlers; no malloc. mmap is called when the last chunk is half full, so that
 * no memory is needed at the moment when memory runs out.
 */
#ifndef THREADLEAK_TABLE_H
#define THREADLEAK_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "threadleak_abi.h"

#define TABLE_FULL UINT32_MAX

/* Makes `table` empty, with as many entries in `memory` (zeroed, static) as fit, rounded down to a power of
 * two. `reserved_entries` of them (0 or 1) are never handed out. */
void table_init(struct threadleak_table *table, uint32_t entry_size, void *memory, size_t memory_size,
                uint32_t reserved_entries);

/* The index of an entry that nobody had before, all zero; TABLE_FULL (and counted) where there is no room. */
uint32_t table_take(struct threadleak_table *table);

/* The address of entry `index`, which table_take has handed out. */
void *table_entry_further(const struct threadleak_table *table, uint32_t index);

static inline void *table_entry(const struct threadleak_table *table, uint32_t index)
{
    if (__builtin_expect(index < table->chunks[0].count, 1))
        return (void *)(uintptr_t)(table->chunks[0].address + (uint64_t)index * table->entry_size);
    return table_entry_further(table, index);
}

/* The index of the entry at `address`, which may be any number: TABLE_FULL if no entry begins there. */
uint32_t table_index(const struct threadleak_table *table, uint64_t address);

/* Entries of a table that are handed out again once they were given back. */
struct pool {
    struct threadleak_table *table;
    uint32_t link; /* offset of a u32 in each entry, for the pool's own use */
    uint64_t free; /* index of the first free entry plus 1; above it a tag, so that a take which was
                      overtaken by take, take, give of the same entry fails (ABA) */
};

/* An entry as it was given back, or a new one, all zero. NULL: no room, or `most` entries (0: any number) are
 * in use already; counted as dropped. */
void *pool_take(struct pool *pool, uint64_t most);

/* Gives `entry`, which came from pool_take, back. */
void pool_give(struct pool *pool, void *entry);

#endif
