/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <string.h>
#include <sys/mman.h>

/* Chunk 0 holds `first` entries, a power of two, and chunk k > 0 holds first << (k - 1): each new chunk
 * doubles the table. */

static uint64_t capacity(const struct threadleak_table *table)
{
    uint32_t chunks = __atomic_load_n(&table->chunk_count, __ATOMIC_ACQUIRE);
    return table->chunks[0].count << (chunks - 1);
}

void table_init(struct threadleak_table *table, uint32_t entry_size, void *memory, size_t memory_size,
                uint32_t reserved_entries)
{
    uint64_t count = 1;
    while (count * 2 * entry_size <= memory_size)
        count *= 2;
    table->entry_size = entry_size;
    table->chunks[0].address = (uintptr_t)memory;
    table->chunks[0].count = count;
    table->used = reserved_entries;
    __atomic_store_n(&table->chunk_count, 1, __ATOMIC_RELEASE);
}

static void grow(struct threadleak_table *table)
{
    if (table->chunk_count == THREADLEAK_CHUNKS)
        return;
    if (__atomic_exchange_n(&table->growing, 1, __ATOMIC_ACQUIRE))
        return; /* somebody else does, or this is a signal handler that interrupted it */
    uint32_t chunks = table->chunk_count;
    uint64_t count = table->chunks[0].count << (chunks - 1);
    /* the kernel gives address space, pages come with the first touch */
    void *memory = mmap(NULL, count * table->entry_size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) {
        table->chunks[chunks].address = (uintptr_t)memory;
        table->chunks[chunks].count = count;
        __atomic_store_n(&table->chunk_count, chunks + 1, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&table->growing, 0, __ATOMIC_RELEASE);
}

uint32_t table_take(struct threadleak_table *table)
{
    uint64_t room;
    uint64_t index = __atomic_load_n(&table->used, __ATOMIC_RELAXED);
    do {
        room = capacity(table);
        if (index >= room || index >= TABLE_FULL) {
            grow(table);
            if (index >= (room = capacity(table)) || index >= TABLE_FULL) {
                __atomic_fetch_add(&table->dropped, 1, __ATOMIC_RELAXED);
                return TABLE_FULL;
            }
        }
    } while (
        !__atomic_compare_exchange_n(&table->used, &index, index + 1, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    uint64_t half_of_last = table->chunk_count > 1 ? room / 4 * 3 : room / 2;
    if (index >= half_of_last)
        grow(table);
    return (uint32_t)index;
}

void *table_entry_further(const struct threadleak_table *table, uint32_t index)
{
    uint64_t first = table->chunks[0].count;
    unsigned chunk = 64 - (unsigned)__builtin_clzll(index / first);
    uint64_t before = first << (chunk - 1);
    return (void *)(uintptr_t)(table->chunks[chunk].address + (index - before) * table->entry_size);
}

uint32_t table_index(const struct threadleak_table *table, uint64_t address)
{
    uint32_t chunks = __atomic_load_n(&table->chunk_count, __ATOMIC_ACQUIRE);
    uint64_t before = 0;
    for (uint32_t i = 0; i < chunks; before += table->chunks[i++].count) {
        const struct threadleak_chunk *chunk = &table->chunks[i];
        uint64_t offset = address - chunk->address;
        if (address < chunk->address || offset >= chunk->count * table->entry_size)
            continue;
        return offset % table->entry_size ? TABLE_FULL : (uint32_t)(before + offset / table->entry_size);
    }
    return TABLE_FULL;
}

static uint32_t *link_of(const struct pool *pool, void *entry)
{
    return (uint32_t *)((char *)entry + pool->link);
}

void *pool_take(struct pool *pool, uint64_t most)
{
    struct threadleak_table *table = pool->table;
    uint64_t head = __atomic_load_n(&pool->free, __ATOMIC_ACQUIRE);
    while ((uint32_t)head) {
        void *entry = table_entry(table, (uint32_t)head - 1);
        uint64_t next = (((head >> 32) + 1) << 32) | __atomic_load_n(link_of(pool, entry), __ATOMIC_RELAXED);
        if (__atomic_compare_exchange_n(&pool->free, &head, next, 1, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
            return entry;
    }
    if (most && __atomic_load_n(&table->used, __ATOMIC_RELAXED) >= most) {
        __atomic_fetch_add(&table->dropped, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    uint32_t index = table_take(table);
    return index == TABLE_FULL ? NULL : table_entry(table, index);
}

void pool_give(struct pool *pool, void *entry)
{
    uint64_t index = table_index(pool->table, (uintptr_t)entry);
    uint64_t head = __atomic_load_n(&pool->free, __ATOMIC_RELAXED), next;
    do {
        __atomic_store_n(link_of(pool, entry), (uint32_t)head, __ATOMIC_RELAXED);
        next = (((head >> 32) + 1) << 32) | (index + 1);
    } while (!__atomic_compare_exchange_n(&pool->free, &head, next, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}
