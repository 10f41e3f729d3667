/* SPDX-License-Identifier: MIT */
#include "handles.h"

#define SLOTS 1024 /* a power of two */

/* A sequence lock of one writer at a time: odd while it writes. A second writer gives up instead of waiting.
 */
static struct slot {
    uint64_t sequence;
    uint64_t pthread;
    uint64_t record;
    uint64_t id;
    uint64_t pc;
    uint32_t site;
    uint32_t fate;
} __attribute__((aligned(64))) slots[SLOTS];

static struct slot *slot_of(uint64_t pthread)
{
    return &slots[(pthread >> 6) * 0x9e3779b97f4a7c15u >> 54];
}

static bool is_news(const struct slot *slot, uint64_t pthread, const struct handle *handle)
{
    if (__atomic_load_n(&slot->pthread, __ATOMIC_RELAXED) != pthread)
        return true;
    uint64_t id = __atomic_load_n(&slot->id, __ATOMIC_RELAXED);
    return id < handle->id || (id == handle->id && handle->fate != HANDLE_VALID);
}

void handle_note(uint64_t pthread, const struct handle *handle)
{
    struct slot *slot = slot_of(pthread);
    uint64_t sequence = __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED);
    if (sequence % 2 || !is_news(slot, pthread, handle) ||
        !__atomic_compare_exchange_n(&slot->sequence, &sequence, sequence + 1, 0, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&slot->pthread, pthread, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->record, (uintptr_t)handle->record, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->id, handle->id, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->pc, handle->pc, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->site, handle->site, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->fate, (uint32_t)handle->fate, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->sequence, sequence + 2, __ATOMIC_RELEASE);
}

bool handle_find(uint64_t pthread, struct handle *handle)
{
    struct slot *slot = slot_of(pthread);
    uint64_t before = __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);
    uint64_t owner = __atomic_load_n(&slot->pthread, __ATOMIC_RELAXED);
    uint64_t record = __atomic_load_n(&slot->record, __ATOMIC_RELAXED);
    handle->id = __atomic_load_n(&slot->id, __ATOMIC_RELAXED);
    handle->pc = __atomic_load_n(&slot->pc, __ATOMIC_RELAXED);
    handle->site = __atomic_load_n(&slot->site, __ATOMIC_RELAXED);
    handle->fate = (enum handle_fate)__atomic_load_n(&slot->fate, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    uint64_t after = __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED);
    if (before != after || before % 2 || owner != pthread || !handle->id)
        return false;
    handle->record = (struct threadleak_record *)(uintptr_t)record;
    return true;
}
