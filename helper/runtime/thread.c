/* SPDX-License-Identifier: MIT */
#include "thread.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "descriptor.h"
#include "events.h"
#include "handles.h"
#include "history.h"
#include "real.h"
#include "registry.h"
#include "scope.h"
#include "sites.h"
#include "table.h"

#ifndef END_ROUND
#define END_ROUND PTHREAD_DESTRUCTOR_ITERATIONS
#endif

__thread struct thread_self thread;

static pthread_key_t end_key;
static bool have_end_key;

/* glibc exports, for libthread_db, where a thread's id lies in its descriptor: {bits, count, offset}
 * (nptl_db/structs.def). A load instead of a system call. */
static int32_t offset_of_tid(void)
{
    const uint32_t *field = real_symbol(RTLD_DEFAULT, "_thread_db_pthread_tid");
    if (!field || field[0] != 32 || field[1] != 1 || field[2] > 65536)
        return 0;
    uint32_t tid = *(const uint32_t *)((char *)pthread_self() + field[2]);
    return tid == (uint32_t)syscall(SYS_gettid) ? (int32_t)field[2] : 0;
}

static uint32_t current_tid(void)
{
    int32_t offset = threadleak_registry.tid_offset;
    if (offset)
        return *(const uint32_t *)((char *)pthread_self() + offset);
    return (uint32_t)syscall(SYS_gettid);
}

/* Runs as a thread-specific-data destructor (man 3 pthread_key_create). The destructors of the program run in
 * the same rounds, before and after this one, and may block or create threads: the last round is the end. */
static void thread_end(void *record)
{
    if (++thread.end_rounds < END_ROUND && pthread_setspecific(end_key, record) == 0)
        return;
    struct threadleak_record *self = thread_record();
    site_thread_ends();
    if (!self)
        return;
    struct moment now = moment_now();
    event_note(now, (struct event){.kind = THREADLEAK_EVENT_FINISH, .thread = thread.id});
    history_meet(self->site, now.ns);
    if (record_mark(self, thread.id, THREADLEAK_STATE_FINISHED, now.ns))
        thread.record = THREAD_RELEASED;
}

void threads_init(void)
{
    threadleak_registry.self_offset = (int32_t)((char *)&thread.record - (char *)pthread_self());
    threadleak_registry.tid_offset = offset_of_tid();
    have_end_key = pthread_key_create(&end_key, thread_end) == 0;
}

static bool watch_end(struct threadleak_record *record)
{
    int saved = errno;
    if (have_end_key && pthread_setspecific(end_key, record) == 0)
        return true;
    errno = saved;
    __atomic_fetch_add(&threadleak_registry.unseen_ends, 1, __ATOMIC_RELAXED);
    return false;
}

void thread_note(struct threadleak_record *record, uint64_t id, pthread_t pthread)
{
    const struct handle handle = {record, id, HANDLE_VALID, record->site, 0};
    handle_note((uint64_t)pthread, &handle);
}

static void note_start(void)
{
    if (events_are_noted())
        event_note(moment_now(),
                   (struct event){.kind = THREADLEAK_EVENT_START, .tid = current_tid(), .thread = thread.id});
}

void thread_begin(struct threadleak_record *record)
{
    uint32_t state = THREADLEAK_STATE_STARTED;
    thread.keeps_draft = watch_end(record);
    if (!thread.keeps_draft)
        state |= THREADLEAK_STATE_NO_END;
    thread.id = record->id;
    thread.stack_top = (uintptr_t)__builtin_frame_address(0);
    thread.scope = scope_handle(record->scope);
    __atomic_store_n(&record->tid, current_tid(), __ATOMIC_RELAXED);
    __atomic_store_n(&record->pthread, (uint64_t)pthread_self(), __ATOMIC_RELEASE);
    __atomic_store_n(&thread.record, record, __ATOMIC_RELEASE);
    __atomic_fetch_or(&record->state, state, __ATOMIC_RELEASE);
    thread_note(record, thread.id, pthread_self());
    note_start();
}

void thread_begin_main(void)
{
    if (getpid() != (pid_t)syscall(SYS_gettid))
        return; /* loaded by another thread: main's record would be a guess */
    struct threadleak_record *record = record_take();
    if (!record)
        return;
    record_name_from_kernel(record);
    record->created_ns = threadleak_registry.start_monotonic_ns;
    record_init_facts(record, THREADLEAK_STATE_MAIN, 0);
    record_publish(record);
    history_initial(true);
    thread_begin(record);
}

/* Its word in TLS, which is zero until it has begun. */
static struct thread_found find_begun(pthread_t pthread)
{
    struct thread_found none = {NULL, 0};
    const uint64_t *word = (const uint64_t *)((char *)pthread + threadleak_registry.self_offset);
    uint64_t address = __atomic_load_n(word, __ATOMIC_ACQUIRE);
    if (table_index(&threadleak_registry.records, address) == TABLE_FULL)
        return none;
    struct threadleak_record *record = (struct threadleak_record *)(uintptr_t)address;
    struct thread_found found = {record, __atomic_load_n(&record->id, __ATOMIC_ACQUIRE)};
    bool is_its = __atomic_load_n(&record->pthread, __ATOMIC_RELAXED) == (uint64_t)pthread;
    return is_its && found.id ? found : none;
}

/* As it was noted, if its record is still in use. */
static struct thread_found find_noted(pthread_t pthread)
{
    struct thread_found none = {NULL, 0};
    struct handle handle;
    if (!handle_find((uint64_t)pthread, &handle) ||
        __atomic_load_n(&handle.record->id, __ATOMIC_ACQUIRE) != handle.id)
        return none;
    uint64_t owner = __atomic_load_n(&handle.record->pthread, __ATOMIC_RELAXED);
    return !owner || owner == (uint64_t)pthread ? (struct thread_found){handle.record, handle.id} : none;
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

#define LOOKS 1000 /* for a thread that is being created, each after a chance for others to run */

struct thread_found thread_find(pthread_t pthread)
{
    struct thread_found found = find_noted(pthread);
    if (!found.record && pthread != pthread_self() && descriptor_look(pthread, NULL) != DESCRIPTOR_VALID)
        return found;
    found = find_begun(pthread);
    if (__builtin_expect(found.record != NULL, 1) || pthread == pthread_self())
        return found;
    /* Not begun; or pthread_create has not returned yet, and another thread speaks of it already; or a thread
     * that no wrapper created, which is the case unless somebody is unborn. */
    for (int i = 0; i < LOOKS; i++) {
        found = find_noted(pthread);
        if (!found.record)
            found = find_begun(pthread);
        if (found.record || !somebody_is_unborn())
            return found;
        sched_yield();
    }
    __atomic_fetch_add(&threadleak_registry.lost_facts, 1, __ATOMIC_RELAXED);
    return found;
}

struct thread_found thread_find_joined(pthread_t pthread, uint64_t before_id)
{
    /* By now it has run and ended. Its pthread_t may be another thread's already, whose id is higher; those
     * that had it before are joined, or are about to be marked so by whoever joined them, and their ids are
     * lower. */
    struct thread_found found = {NULL, 0};
    const struct threadleak_table *table = &threadleak_registry.records;
    uint64_t used = __atomic_load_n(&table->used, __ATOMIC_ACQUIRE);
    for (uint64_t i = 0; i < used; i++) {
        struct threadleak_record *record = table_entry(table, (uint32_t)i);
        uint64_t id = __atomic_load_n(&record->id, __ATOMIC_ACQUIRE);
        if (id && id < before_id && id > found.id &&
            __atomic_load_n(&record->pthread, __ATOMIC_RELAXED) == (uint64_t)pthread)
            found = (struct thread_found){record, id};
    }
    return found;
}

bool thread_was_forked(void)
{
    const struct threadleak_record *record = thread_record();
    if (record && threadleak_registry.tid_offset && record->tid == current_tid())
        return false; /* one load says so nearly always */
    return threadleak_registry.pid != (uint32_t)getpid();
}

void threads_fork_child(void)
{
    struct threadleak_record *record = thread_record();
    if (record) {
        const uint32_t detached = THREADLEAK_STATE_DETACHED | THREADLEAK_STATE_BORN_DETACHED;
        record->state = (record->state & ~detached) | THREADLEAK_STATE_MAIN;
        record->join_begun_ns = record->joiner = 0;
        record->tid = current_tid();
    }
    registry_fork_child(record, thread.creating);
    if (record)
        note_start();
}
