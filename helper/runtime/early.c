/* SPDX-License-Identifier: MIT */
#include "early.h"

#include <string.h>

#include "registry.h"
#include "table.h"

#define SLOTS 32
#define FREE 0
#define BUSY 1 /* being filled or emptied; no pthread_t has this value */

static struct slot {
    uint64_t owner;     /* FREE, BUSY, or the pthread_t that the rest is meant for */
    uint64_t before_id; /* a thread with this id or a later one is another one, with a reused pthread_t */
    struct early_fact fact;
    char name[THREADLEAK_NAME_SIZE];
} slots[SLOTS];

static uint32_t left; /* slots in use */

static bool move(struct slot *slot, uint64_t from, uint64_t to)
{
    return __atomic_compare_exchange_n(&slot->owner, &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static void set_free(struct slot *slot)
{
    __atomic_store_n(&slot->owner, FREE, __ATOMIC_RELEASE);
    __atomic_fetch_sub(&left, 1, __ATOMIC_RELEASE);
}

static bool somebody_is_unborn(void)
{
    const struct threadleak_table *table = &threadleak_registry.records;
    uint64_t used = __atomic_load_n(&table->used, __ATOMIC_ACQUIRE);
    for (uint64_t i = 0; i < used; i++) {
        const struct threadleak_record *record = table_entry(table, (uint32_t)i);
        if (__atomic_load_n(&record->id, __ATOMIC_ACQUIRE) &&
            !(__atomic_load_n(&record->state, __ATOMIC_ACQUIRE) & THREADLEAK_STATE_STARTED))
            return true;
    }
    return false;
}

int early_leave(pthread_t pthread, const struct early_fact *fact)
{
    if (!somebody_is_unborn())
        return -1; /* begun by now, or a thread that no wrapper saw */
    for (int i = 0; i < SLOTS; i++) {
        struct slot *slot = &slots[i];
        if (!move(slot, FREE, BUSY))
            continue;
        slot->before_id = __atomic_load_n(&threadleak_registry.next_id, __ATOMIC_RELAXED);
        slot->fact = *fact;
        memset(slot->name, 0, sizeof slot->name);
        if (fact->name)
            strncpy(slot->name, fact->name, sizeof slot->name - 1);
        __atomic_fetch_add(&left, 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&slot->owner, (uint64_t)pthread, __ATOMIC_SEQ_CST);
        return i;
    }
    return -1;
}

bool early_withdraw(int ticket, pthread_t pthread)
{
    if (ticket < 0 || !move(&slots[ticket], (uint64_t)pthread, BUSY))
        return false;
    set_free(&slots[ticket]);
    return true;
}

static void add(struct threadleak_record *record, struct slot *slot)
{
    if (slot->fact.name)
        record_name(record, slot->name);
    if (slot->fact.joined_ns) {
        __atomic_store_n(&record->joiner, slot->fact.joiner, __ATOMIC_RELAXED);
        __atomic_store_n(&record->join_begun_ns, slot->fact.joined_ns, __ATOMIC_RELAXED);
    }
    if (slot->fact.state)
        record_mark(record, record->id, slot->fact.state);
}

/* The thread stored its record where it can be found, and then loads `left` and the slots; who leaves a fact
 * stores it, and then looks for the thread again. All sequentially consistent: one of them sees the other. */
void early_pick_up(struct threadleak_record *record)
{
    if (__builtin_expect(!__atomic_load_n(&left, __ATOMIC_SEQ_CST), 1))
        return;
    for (int i = 0; i < SLOTS; i++) {
        struct slot *slot = &slots[i];
        if (__atomic_load_n(&slot->owner, __ATOMIC_SEQ_CST) != record->pthread ||
            !move(slot, record->pthread, BUSY))
            continue;
        if (record->id < slot->before_id)
            add(record, slot);
        set_free(slot);
    }
}

void early_fork_child(void)
{
    memset(slots, 0, sizeof slots);
    left = 0;
}
