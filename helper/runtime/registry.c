/* SPDX-License-Identifier: MIT */
#include "registry.h"

#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "events.h"
#include "expected.h"
#include "history.h"
#include "modules.h"
#include "options.h"
#include "scope.h"
#include "settle.h"
#include "sites.h"
#include "table.h"
#include "threadleak.h"

/* In .data, because a core file holds that, and written at start-up, because it then differs from the file.
 * Not hidden, not -Bsymbolic: an executable that embeds and exports the library shares its copy with ours. */
__attribute__((visibility("default"), section(".data"),
               aligned(64))) struct threadleak_registry threadleak_registry;

#define RECORDS_AT_START 1024 /* 128 KiB of .bss, touched as they are used */

static struct threadleak_record first_records[RECORDS_AT_START] __attribute__((aligned(64)));

static struct pool records = {.table = &threadleak_registry.records,
                              .link = offsetof(struct threadleak_record, next_free)};

static uint64_t has_main; /* 1: the main thread has a record */

uint64_t registry_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool registry_init(void)
{
    struct threadleak_registry *registry = &threadleak_registry;
    if (registry->self == (uintptr_t)registry) {
        __atomic_fetch_or(&registry->flags, THREADLEAK_REGISTRY_SECOND_COPY, __ATOMIC_RELAXED);
        return false;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    registry->start_realtime_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    registry->start_monotonic_ns = registry_now();
    registry->byte_order = THREADLEAK_ABI_BYTE_ORDER;
    registry->abi_major = THREADLEAK_ABI_MAJOR;
    registry->abi_minor = THREADLEAK_ABI_MINOR;
    registry->header_size = sizeof *registry;
    registry->pointer_size = sizeof(void *);
    registry->pid = (uint32_t)getpid();
    registry->next_id = 1;
    registry->site_frames_offset = sizeof(struct threadleak_site);
    strncpy(registry->library_version, THREADLEAK_VERSION, sizeof registry->library_version - 1);
    table_init(&registry->records, sizeof first_records[0], first_records, sizeof first_records, 0);
    sites_init(&registry->sites);
    scopes_init(&registry->scopes);
    modules_init(&registry->modules);
    expected_init(&registry->rules);
    history_init();
    events_init();
    memcpy(registry->magic, THREADLEAK_ABI_MAGIC, sizeof registry->magic);
    __atomic_store_n(&registry->self, (uintptr_t)registry, __ATOMIC_RELEASE);
    return true;
}

struct threadleak_record *record_take(void)
{
    return pool_take(&records, options.max_records);
}

/* A record's state and its mark: one word, so that each change of either knows whether the mark held before
 * and holds after it. */
union facts {
    struct {
        uint32_t state, expected;
    };
    uint64_t word;
};

static uint64_t *facts_of(struct threadleak_record *record)
{
    return (uint64_t *)(void *)&record->state;
}

_Static_assert(offsetof(struct threadleak_record, state) % 8 == 0 &&
                   offsetof(struct threadleak_record, expected) ==
                       offsetof(struct threadleak_record, state) + 4,
               "state and mark are one aligned word");

/* Nothing is left of the thread; the record of main stays. */
static bool is_over(uint32_t state)
{
    const uint32_t gone = THREADLEAK_STATE_DETACHED | THREADLEAK_STATE_FINISHED;
    return !(state & THREADLEAK_STATE_MAIN) && (state & THREADLEAK_STATE_JOINED || (state & gone) == gone);
}

static bool is_expected(union facts facts)
{
    return expected_holds(facts.expected, facts.state) && !is_over(facts.state) &&
           !(facts.state & THREADLEAK_STATE_MAIN);
}

/* registry.expected never says more than what can be seen: up after the mark, and down before the record is
 * given back. */
static void count_expected(union facts before, union facts after)
{
    if (__builtin_expect(!before.expected && !after.expected, 1))
        return;
    uint64_t change = (uint64_t)is_expected(after) - (uint64_t)is_expected(before);
    if (change)
        __atomic_fetch_add(&threadleak_registry.expected, change, __ATOMIC_SEQ_CST);
}

uint64_t registry_unexpected(void)
{
    /* In this order: a record that is released between two of these looks is counted, not taken off twice. */
    const struct threadleak_registry *registry = &threadleak_registry;
    uint64_t released = __atomic_load_n(&registry->released, __ATOMIC_ACQUIRE);
    uint64_t expected = __atomic_load_n(&registry->expected, __ATOMIC_ACQUIRE);
    uint64_t created = __atomic_load_n(&registry->next_id, __ATOMIC_ACQUIRE) - 1;
    return created - released - expected - has_main;
}

bool registry_has_main(void)
{
    return has_main != 0;
}

bool record_is_expected(const struct threadleak_record *record)
{
    union facts facts = {
        .word = __atomic_load_n((const uint64_t *)(const void *)&record->state, __ATOMIC_ACQUIRE)};
    return is_expected(facts);
}

void record_init_facts(struct threadleak_record *record, uint32_t state, uint32_t expected)
{
    union facts facts = {{state, expected}};
    __atomic_store_n(facts_of(record), facts.word, __ATOMIC_RELAXED);
}

uint64_t record_publish(struct threadleak_record *record)
{
    static const union facts none;
    union facts facts = {{record->state, record->expected}};
    uint64_t id = __atomic_fetch_add(&threadleak_registry.next_id, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&record->id, id, __ATOMIC_RELEASE);
    count_expected(none, facts);
    if (facts.state & THREADLEAK_STATE_MAIN)
        has_main = 1;
    return id;
}

static void give_back(struct threadleak_record *record)
{
    uint32_t scope = record->scope;
    __atomic_store_n(&record->sequence, record->sequence + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&record->id, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&record->pthread, 0, __ATOMIC_RELAXED);
    __atomic_fetch_add(&threadleak_registry.released, 1, __ATOMIC_SEQ_CST);
    pool_give(&records, record);
    scope_drop(scope);
    settle_happened();
}

/* One that is joined without its end having been seen has finished, too. */
static void count_end(uint32_t site, uint32_t before, uint32_t after)
{
    const uint32_t ends = THREADLEAK_STATE_FINISHED | THREADLEAK_STATE_JOINED;
    if (after & THREADLEAK_STATE_MAIN) {
        if (after & ~before & THREADLEAK_STATE_FINISHED)
            history_initial(false);
        return;
    }
    if (after & ends && !(before & ends))
        history_finished(site);
    if (is_over(after) && !is_over(before))
        history_released(site, after & THREADLEAK_STATE_JOINED);
}

/* Whether the record was thereby given back, or is as soon as nobody holds it. */
static bool over_with(struct threadleak_record *record, union facts before, union facts after)
{
    if (is_over(before.state) || !is_over(after.state)) {
        settle_happened(); /* a detached thread may be allowed */
        return false;
    }
    if (!(before.state & THREADLEAK_STATE_HELD))
        give_back(record); /* else whoever holds it does */
    return true;
}

static union facts add_facts(struct threadleak_record *record, uint32_t bits)
{
    union facts added = {{bits, 0}};
    return (union facts){.word = __atomic_fetch_or(facts_of(record), added.word, __ATOMIC_SEQ_CST)};
}

void record_cancel(struct threadleak_record *record)
{
    site_uncount(record->site);
    history_cancelled();
    union facts before = add_facts(record, THREADLEAK_STATE_JOINED);
    union facts after = {{before.state | THREADLEAK_STATE_JOINED, before.expected}};
    count_expected(before, after);
    over_with(record, before, after);
}

bool record_mark(struct threadleak_record *record, uint64_t id, uint32_t bits, uint64_t now_ns)
{
    uint32_t site = record->site; /* before: the record may be another thread's after */
    if (__atomic_load_n(&record->id, __ATOMIC_ACQUIRE) != id)
        return false; /* given back meanwhile: the program uses a pthread_t that is no longer valid */
    if (bits & THREADLEAK_STATE_FINISHED)
        __atomic_store_n(&record->finished_ns, now_ns, __ATOMIC_RELAXED);
    union facts before = add_facts(record, bits);
    union facts after = {{before.state | bits, before.expected}};
    count_expected(before, after);
    count_end(site, before.state, after.state);
    return over_with(record, before, after);
}

static void let_go(struct threadleak_record *record)
{
    union facts bit = {{THREADLEAK_STATE_HELD, 0}};
    union facts before = {.word = __atomic_fetch_and(facts_of(record), ~bit.word, __ATOMIC_SEQ_CST)};
    if (is_over(before.state))
        give_back(record);
}

/* Keeps the record with `id` from being given back, and so from becoming another thread's. False: it was
 * already. */
static bool hold(struct threadleak_record *record, uint64_t id)
{
    union facts now = {.word = __atomic_load_n(facts_of(record), __ATOMIC_ACQUIRE)}, held;
    do {
        while (now.state & THREADLEAK_STATE_HELD) {
            sched_yield();
            now.word = __atomic_load_n(facts_of(record), __ATOMIC_ACQUIRE);
        }
        if (is_over(now.state))
            return false; /* free, or about to be */
        held = now;
        held.state |= THREADLEAK_STATE_HELD;
    } while (!__atomic_compare_exchange_n(facts_of(record), &now.word, held.word, 1, __ATOMIC_SEQ_CST,
                                          __ATOMIC_ACQUIRE));
    if (__atomic_load_n(&record->id, __ATOMIC_ACQUIRE) == id)
        return true;
    let_go(record);
    return false;
}

/* The record is not given back meanwhile. */
static void set_expected(struct threadleak_record *record, uint32_t rule)
{
    union facts before = {.word = __atomic_load_n(facts_of(record), __ATOMIC_ACQUIRE)}, after;
    do {
        after = before;
        after.expected = rule;
    } while (!__atomic_compare_exchange_n(facts_of(record), &before.word, after.word, 1, __ATOMIC_SEQ_CST,
                                          __ATOMIC_ACQUIRE));
    count_expected(before, after);
}

bool record_expect(struct threadleak_record *record, uint64_t id, uint32_t rule)
{
    if (!hold(record, id))
        return false;
    set_expected(record, rule);
    let_go(record);
    settle_happened();
    return true;
}

bool record_report(struct threadleak_record *record, uint64_t id)
{
    if (!hold(record, id))
        return false;
    add_facts(record, THREADLEAK_STATE_REPORTED);
    let_go(record);
    return true;
}

/* It does not hold the record, which a signal handler might find held by the thread that it interrupts: the
 * record of a living thread is given back by nobody else. */
void record_expect_own(struct threadleak_record *record, uint32_t rule)
{
    if (__atomic_load_n(&record->state, __ATOMIC_RELAXED) & THREADLEAK_STATE_FINISHED)
        return;
    set_expected(record, rule);
    settle_happened();
}

void record_name(struct threadleak_record *record, const char *name)
{
    uint64_t words[2] = {0, 0};
    memcpy(words, name, strnlen(name, sizeof words - 1));
    __atomic_store_n((uint64_t *)record->name, words[0], __ATOMIC_RELAXED);
    __atomic_store_n((uint64_t *)record->name + 1, words[1], __ATOMIC_RELAXED);
}

void record_name_from_kernel(struct threadleak_record *record)
{
    char name[THREADLEAK_NAME_SIZE] = "";
    syscall(SYS_prctl, PR_GET_NAME, name, 0, 0, 0);
    record_name(record, name);
}

static void drop(struct threadleak_record *record)
{
    record->sequence++;
    record->state = THREADLEAK_STATE_JOINED;
    record->id = record->pthread = 0;
    pool_give(&records, record);
}

void registry_fork_child(const struct threadleak_record *survivor, const struct threadleak_record *creating)
{
    struct threadleak_registry *registry = &threadleak_registry;
    uint64_t kept = 0, dropped = 0, expected = 0;
    for (uint64_t i = 0; i < registry->records.used; i++) {
        struct threadleak_record *record = table_entry(&registry->records, (uint32_t)i);
        if (!record->id)
            continue;
        bool stays = record == survivor || record == creating;
        kept += stays;
        if (stays) {
            record->state &= ~THREADLEAK_STATE_HELD; /* by a thread that is not here */
            expected += record_is_expected(record);
        }
        dropped += !stays;
        if (!stays)
            drop(record);
    }
    registry->threads_inherited = dropped;
    registry->released = registry->next_id - 1 - kept;
    registry->expected = expected;
    has_main = survivor != NULL;
    registry->parent_pid = registry->pid;
    registry->pid = (uint32_t)getpid();
    registry->fork_generation++;
    registry->flags |= THREADLEAK_REGISTRY_FORK_CHILD;
    registry->failed_creates = registry->failed_eagain = registry->failed_errno = 0;
    registry->failed_at_ns = registry->unseen_ends = registry->lost_facts = 0;
    registry->records.dropped = 0;
    registry->records.growing = registry->modules.growing = 0; /* by threads that are not here */
    sites_fork_child(creating && creating != survivor ? creating->site : 0);
    history_fork_child(survivor != NULL, creating != NULL && creating != survivor);
    events_fork_child();
    scopes_fork_child(survivor, creating);
}
