/* SPDX-License-Identifier: MIT */
#include "registry.h"

#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "expected.h"
#include "modules.h"
#include "options.h"
#include "scope.h"
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
    memcpy(registry->magic, THREADLEAK_ABI_MAGIC, sizeof registry->magic);
    __atomic_store_n(&registry->self, (uintptr_t)registry, __ATOMIC_RELEASE);
    return true;
}

struct threadleak_record *record_take(void)
{
    return pool_take(&records, options.max_records);
}

uint64_t record_publish(struct threadleak_record *record)
{
    uint64_t id = __atomic_fetch_add(&threadleak_registry.next_id, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&record->id, id, __ATOMIC_RELEASE);
    return id;
}

static void give_back(struct threadleak_record *record)
{
    uint32_t scope = record->scope;
    __atomic_store_n(&record->sequence, record->sequence + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&record->id, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&record->pthread, 0, __ATOMIC_RELAXED);
    __atomic_fetch_add(&threadleak_registry.released, 1, __ATOMIC_RELAXED);
    pool_give(&records, record);
    scope_drop(scope);
}

void record_cancel(struct threadleak_record *record)
{
    site_uncount(record->site);
    give_back(record);
}

bool record_mark(struct threadleak_record *record, uint64_t id, uint32_t bits)
{
    const uint32_t gone = THREADLEAK_STATE_DETACHED | THREADLEAK_STATE_FINISHED;
    if (__atomic_load_n(&record->id, __ATOMIC_ACQUIRE) != id)
        return false; /* given back meanwhile: the program uses a pthread_t that is no longer valid */
    if (bits & THREADLEAK_STATE_FINISHED)
        __atomic_store_n(&record->finished_ns, registry_now(), __ATOMIC_RELAXED);
    uint32_t before = __atomic_fetch_or(&record->state, bits, __ATOMIC_ACQ_REL);
    uint32_t after = before | bits;
    bool was_over = before & THREADLEAK_STATE_JOINED || (before & gone) == gone;
    bool is_over = after & THREADLEAK_STATE_JOINED || (after & gone) == gone;
    if (was_over || !is_over || after & THREADLEAK_STATE_MAIN)
        return false;
    give_back(record);
    return true;
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
    record->id = record->pthread = 0;
    pool_give(&records, record);
}

void registry_fork_child(const struct threadleak_record *survivor, const struct threadleak_record *creating)
{
    struct threadleak_registry *registry = &threadleak_registry;
    uint64_t kept = 0, dropped = 0;
    for (uint64_t i = 0; i < registry->records.used; i++) {
        struct threadleak_record *record = table_entry(&registry->records, (uint32_t)i);
        if (!record->id)
            continue;
        bool stays = record == survivor || record == creating;
        kept += stays;
        dropped += !stays;
        if (!stays)
            drop(record);
    }
    registry->threads_inherited = dropped;
    registry->released = registry->next_id - 1 - kept;
    registry->parent_pid = registry->pid;
    registry->pid = (uint32_t)getpid();
    registry->fork_generation++;
    registry->flags |= THREADLEAK_REGISTRY_FORK_CHILD;
    registry->failed_creates = registry->failed_eagain = registry->failed_errno = 0;
    registry->failed_at_ns = registry->unseen_ends = registry->lost_facts = 0;
    registry->records.dropped = 0;
    registry->records.growing = registry->modules.growing = 0; /* by threads that are not here */
    sites_fork_child();
    scopes_fork_child(survivor, creating);
}
