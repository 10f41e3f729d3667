/* SPDX-License-Identifier: MIT */
#include "candidates.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "descriptor.h"
#include "expected.h"
#include "registry.h"
#include "settle.h"
#include "system_call.h"
#include "table.h"

#define MOST_LOOKS 16       /* at all records, while threads are created meanwhile */
#define ENDING_NS 20000000u /* how long the kernel may keep a thread that has ended */
#define PAUSE_NS 100000

static const struct threadleak_record *record_at(uint64_t index)
{
    return table_entry(&threadleak_registry.records, (uint32_t)index);
}

/* `index` names a scope that the caller's record refers to, and so the scopes around it; if the record was
 * given back meanwhile, they are any entries of the table. */
static bool is_in_scope(uint32_t index, uint32_t scope)
{
    const struct threadleak_table *scopes = &threadleak_registry.scopes;
    uint64_t used = __atomic_load_n(&scopes->used, __ATOMIC_ACQUIRE);
    for (uint64_t depth = 0; index && index < used && depth < used; depth++) {
        if (index == scope)
            return true;
        const struct threadleak_scope *entry = table_entry(scopes, index);
        index = __atomic_load_n(&entry->parent, __ATOMIC_RELAXED);
    }
    return false;
}

bool candidates_has(const struct selection *selection, const struct threadleak_record *record)
{
    uint64_t id = __atomic_load_n(&record->id, __ATOMIC_ACQUIRE);
    uint32_t state = __atomic_load_n(&record->state, __ATOMIC_ACQUIRE);
    const uint32_t allowed = THREADLEAK_STATE_DETACHED;
    if (!id || id < selection->first_id || record == selection->self || state & THREADLEAK_STATE_MAIN)
        return false;
    if (selection->scope && !is_in_scope(__atomic_load_n(&record->scope, __ATOMIC_RELAXED), selection->scope))
        return false;
    if (selection->allows_detached && (state & (allowed | THREADLEAK_STATE_FINISHED)) == allowed)
        return false;
    if (selection->sees_expected && !(state & THREADLEAK_STATE_FINISHED))
        return !expected_exits(__atomic_load_n(&record->expected, __ATOMIC_RELAXED));
    return !record_is_expected(record);
}

struct candidates candidates_count(const struct selection *selection)
{
    struct candidates count = {0, 0};
    uint64_t used = __atomic_load_n(&threadleak_registry.records.used, __ATOMIC_ACQUIRE);
    for (uint64_t i = 0; i < used; i++) {
        const struct threadleak_record *record = record_at(i);
        if (!candidates_has(selection, record))
            continue;
        if (__atomic_load_n(&record->state, __ATOMIC_RELAXED) & THREADLEAK_STATE_FINISHED)
            count.unjoined++;
        else
            count.alive++;
    }
    return count;
}

/* A thread that is looked at late may create one in an entry that was looked at early, and end: a look that
 * finds nobody counts if no thread was created meanwhile, and every record in use was there to be seen. */
static bool look_finds_none(const struct selection *selection)
{
    const struct threadleak_registry *registry = &threadleak_registry;
    for (int i = 0; i < MOST_LOOKS; i++) {
        uint64_t released = __atomic_load_n(&registry->released, __ATOMIC_ACQUIRE);
        uint64_t next_id = __atomic_load_n(&registry->next_id, __ATOMIC_ACQUIRE);
        uint64_t used = __atomic_load_n(&registry->records.used, __ATOMIC_ACQUIRE), in_use = 0;
        for (uint64_t n = 0; n < used; n++) {
            const struct threadleak_record *record = record_at(n);
            if (candidates_has(selection, record))
                return false;
            in_use += __atomic_load_n(&record->id, __ATOMIC_ACQUIRE) != 0;
        }
        if (__atomic_load_n(&registry->next_id, __ATOMIC_ACQUIRE) == next_id &&
            in_use + released >= next_id - 1)
            return true;
    }
    return false;
}

/* The counters are read first: if another check marks the calling thread meanwhile, it is one too many, not
 * one too few. */
static bool counters_say_none(const struct selection *selection)
{
    const struct threadleak_record *self = selection->self;
    int64_t count = (int64_t)registry_unexpected();
    if (selection->sees_expected)
        count += (int64_t)__atomic_load_n(&threadleak_registry.expected, __ATOMIC_ACQUIRE);
    bool self_counts = self && !(self->state & THREADLEAK_STATE_MAIN) &&
                       (selection->sees_expected || !record_is_expected(self));
    return count <= (int64_t)self_counts;
}

bool candidates_none(const struct selection *selection)
{
    bool needs_look = selection->first_id > 1 || selection->allows_detached || selection->sees_expected;
    if (!selection->scope)
        return counters_say_none(selection) || (needs_look && look_finds_none(selection));
    const struct threadleak_scope *scope = table_entry(&threadleak_registry.scopes, selection->scope);
    /* the caller's own use of it is one */
    return __atomic_load_n(&scope->users, __ATOMIC_ACQUIRE) == 1 || look_finds_none(selection);
}

static int64_t kernel_threads(void)
{
    struct stat status;
    if (system_call(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &status, 0))
        return -1;
    return (int64_t)status.st_nlink - 2; /* "." and ".." (fs/proc/base.c: proc_task_getattr) */
}

static int64_t records_in_use(void)
{
    const struct threadleak_registry *registry = &threadleak_registry;
    uint64_t released = __atomic_load_n(&registry->released, __ATOMIC_ACQUIRE);
    return (int64_t)(__atomic_load_n(&registry->next_id, __ATOMIC_ACQUIRE) - 1 - released);
}

/* Threads of the registry that the kernel has too: all records in use but the finished ones, of which there
 * is none unless a rule expects unjoined threads. The leader stays, be it a zombie. */
static int64_t known_threads(void)
{
    const struct threadleak_registry *registry = &threadleak_registry;
    uint64_t rules = __atomic_load_n(&registry->rules.used, __ATOMIC_ACQUIRE);
    int64_t known = records_in_use();
    const uint32_t gone = THREADLEAK_STATE_FINISHED;
    bool some_finished = false;
    for (uint64_t i = 1; i < rules; i++) {
        const struct threadleak_rule *rule = table_entry(&registry->rules, (uint32_t)i);
        some_finished |= (rule->flags & THREADLEAK_RULE_UNJOINED) != 0;
    }
    for (uint64_t i = 0; some_finished && i < registry->records.used; i++) {
        const struct threadleak_record *record = record_at(i);
        known -= record->id && (record->state & (gone | THREADLEAK_STATE_MAIN)) == gone;
    }
    return known;
}

/* How many glibc has of which there is no record. The caller is one of those that are known. */
static int64_t unjoined_beyond(int64_t silent)
{
    int64_t beyond = descriptors_of_others() - (records_in_use() + silent - 1);
    return beyond > 0 ? beyond : 0;
}

int64_t candidates_untracked(const struct threadleak_record *self)
{
    /* main and the calling thread are no news, be they without records */
    int64_t silent = !registry_has_main();
    silent += !self && system_call(SYS_getpid) != system_call(SYS_gettid);
    uint64_t until = 0;
    for (;;) {
        int64_t kernel = kernel_threads();
        if (kernel < 0)
            return -1;
        int64_t beyond = kernel - known_threads() - silent;
        uint64_t now = beyond > 0 ? settle_now() : 0;
        if (beyond <= 0)
            return kernel == 1 ? unjoined_beyond(silent) : 0;
        if (!until)
            until = now + ENDING_NS;
        else if (now >= until)
            return beyond;
        const struct timespec pause = {.tv_nsec = PAUSE_NS};
        system_call(SYS_nanosleep, &pause, NULL);
    }
}
