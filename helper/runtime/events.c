/* SPDX-License-Identifier: MIT */
#include "events.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "options.h"
#include "registry.h"
#include "system_call.h"

#define FIRST_ENTRIES 1024 /* in .bss; a larger ring is mapped */
#define WORDS (sizeof(struct threadleak_event) / sizeof(uint64_t))
#define NAME_WORD (offsetof(struct threadleak_event, name) / sizeof(uint64_t))
#define MORE_WORD (offsetof(struct threadleak_event, thread) / sizeof(uint64_t))
#define MORE_BYTES (sizeof(struct threadleak_event) - offsetof(struct threadleak_event, thread))

static uint64_t first_entries[FIRST_ENTRIES * WORDS] __attribute__((aligned(64)));
static struct threadleak_events events __attribute__((aligned(64)));
uint64_t *events_ring;
static uint64_t mask;

static uint64_t *map_entries(uint64_t count)
{
    long at = system_call(SYS_mmap, NULL, count * sizeof(struct threadleak_event), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at < 0 && at > -4096 ? NULL : (uint64_t *)at;
}

void events_init(void)
{
    uint64_t count = 1;
    if (!options.events)
        return;
    while (count < options.events)
        count *= 2;
    uint64_t *where = count > FIRST_ENTRIES ? map_entries(count) : first_entries;
    if (!where) {
        where = first_entries;
        count = FIRST_ENTRIES;
    }
    events.size = sizeof events;
    events.event_size = sizeof(struct threadleak_event);
    events.entries = (uintptr_t)where;
    events.count = count;
    events.first = events.next = 1;
    mask = count - 1;
    clock_init(&events);
    events_ring = where;
    __atomic_store_n(&threadleak_registry.events, (uintptr_t)&events, __ATOMIC_RELEASE);
}

void events_stop(void)
{
    __atomic_store_n(&events_ring, NULL, __ATOMIC_RELAXED);
}

/* Words 1 and up of the event with that number. */
static inline void write_event(uint64_t *ring, uint64_t number, const uint64_t words[WORDS])
{
    uint64_t *entry = ring + (number & mask) * WORDS, seal = number;
#pragma GCC unroll 8
    for (unsigned i = 1; i < WORDS; i++) {
        seal += words[i] * (THREADLEAK_EVENT_FACTOR * (2 * i + 1));
        __atomic_store_n(&entry[i], words[i], __ATOMIC_RELAXED);
    }
    __atomic_store_n(&entry[0], seal, __ATOMIC_RELAXED);
}

static inline uint64_t reserve(uint64_t count)
{
    return __atomic_fetch_add(&events.next, count, __ATOMIC_RELAXED);
}

void event_write(uint64_t ticks, uint64_t kind_and_tid, uint64_t thread, uint64_t other,
                 uint64_t site_and_scope, uint64_t began)
{
    const uint64_t words[WORDS] = {0, ticks, kind_and_tid, thread, other, site_and_scope, began};
    uint64_t *ring = (uint64_t *)(uintptr_t)events.entries; /* which stays */
    write_event(ring, reserve(1), words);
}

/* What of the name does not fit goes into the events behind. */
static void write_more(uint64_t *ring, uint64_t number, uint64_t ticks, const char *rest, size_t length)
{
    for (; length; number++) {
        uint64_t words[WORDS] = {0, ticks, THREADLEAK_EVENT_MORE};
        size_t part = length < MORE_BYTES ? length : MORE_BYTES;
        memcpy(&words[MORE_WORD], rest, part);
        write_event(ring, number, words);
        rest += part;
        length -= part;
    }
}

void event_note_named(struct moment at, struct event event, const char *name)
{
    uint64_t *ring = __atomic_load_n(&events_ring, __ATOMIC_RELAXED);
    if (!ring)
        return;
    uint64_t words[WORDS] = {0,
                             at.ticks,
                             event.kind | (uint64_t)event.tid << 32,
                             event.thread,
                             event.other,
                             event.site | (uint64_t)event.scope << 32};
    size_t length = strnlen(name, sizeof((struct threadleak_scope *)0)->name);
    size_t first = length < THREADLEAK_NAME_SIZE ? length : THREADLEAK_NAME_SIZE, rest = length - first;
    memcpy(&words[NAME_WORD], name, first);
    uint64_t number = reserve(1 + (rest + MORE_BYTES - 1) / MORE_BYTES);
    write_event(ring, number, words);
    write_more(ring, number + 1, at.ticks, name + first, rest);
}

void events_fork_child(void)
{
    events.first = events.next;
}
