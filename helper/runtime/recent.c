/* SPDX-License-Identifier: MIT */
#include "recent.h"

#include <stddef.h>

#define SLOTS 1024 /* a power of two */

/* A sequence lock of one writer at a time: odd while it writes. A second writer gives up instead of waiting.
 */
static struct slot {
    uint64_t sequence;
    uint64_t pthread;
    uint64_t record;
    uint64_t id;
} slots[SLOTS];

static struct slot *slot_of(uint64_t pthread)
{
    return &slots[(pthread >> 6) * 0x9e3779b97f4a7c15u >> 54];
}

void recent_note(uint64_t pthread, struct threadleak_record *record, uint64_t id)
{
    struct slot *slot = slot_of(pthread);
    uint64_t sequence = __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED);
    if (sequence % 2 || !__atomic_compare_exchange_n(&slot->sequence, &sequence, sequence + 1, 0,
                                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&slot->pthread, pthread, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->record, (uintptr_t)record, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->id, id, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->sequence, sequence + 2, __ATOMIC_RELEASE);
}

struct threadleak_record *recent_find(uint64_t pthread, uint64_t *id)
{
    struct slot *slot = slot_of(pthread);
    uint64_t before = __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);
    uint64_t owner = __atomic_load_n(&slot->pthread, __ATOMIC_RELAXED);
    uint64_t record = __atomic_load_n(&slot->record, __ATOMIC_RELAXED);
    *id = __atomic_load_n(&slot->id, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    uint64_t after = __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED);
    if (before != after || before % 2 || owner != pthread)
        return NULL;
    return (struct threadleak_record *)(uintptr_t)record;
}
