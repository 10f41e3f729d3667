/* SPDX-License-Identifier: MIT */
#include "thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "early.h"
#include "registry.h"
#include "scope.h"
#include "sites.h"
#include "table.h"

/* Weak: a fully static program need not have it. */
extern __typeof__(dlsym) dlsym __attribute__((weak));

__thread struct thread_self thread;

static pthread_key_t end_key;
static bool have_end_key;

/* glibc exports, for libthread_db, where a thread's id lies in its descriptor: {bits, count, offset}
 * (nptl_db/structs.def). A load instead of a system call. */
static int32_t offset_of_tid(void)
{
    const uint32_t *field = dlsym ? dlsym(RTLD_DEFAULT, "_thread_db_pthread_tid") : NULL;
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
 * the same round, before and after this one: the second round is the end for all practical purposes. */
static void thread_end(void *record)
{
    if (thread.end_rounds++ == 0 && pthread_setspecific(end_key, record) == 0)
        return;
    struct threadleak_record *self = thread_record();
    site_thread_ends();
    if (self && record_mark(self, self->id, THREADLEAK_STATE_FINISHED))
        thread.record = THREAD_RELEASED;
}

void threads_init(void)
{
    threadleak_registry.self_offset = (int32_t)((char *)&thread.record - (char *)pthread_self());
    threadleak_registry.tid_offset = offset_of_tid();
    have_end_key = pthread_key_create(&end_key, thread_end) == 0;
}

static uint32_t watch_end(struct threadleak_record *record)
{
    int saved = errno;
    if (have_end_key && pthread_setspecific(end_key, record) == 0)
        return 0;
    errno = saved;
    __atomic_fetch_add(&threadleak_registry.unseen_ends, 1, __ATOMIC_RELAXED);
    return THREADLEAK_STATE_NO_END;
}

void thread_begin(struct threadleak_record *record)
{
    thread.record = record;
    thread.scope = scope_handle(record->scope);
    __atomic_store_n(&record->tid, current_tid(), __ATOMIC_RELAXED);
    __atomic_store_n(&record->pthread, (uint64_t)pthread_self(), __ATOMIC_RELAXED);
    __atomic_fetch_or(&record->state, THREADLEAK_STATE_STARTED | watch_end(record), __ATOMIC_SEQ_CST);
    early_pick_up(record);
}

void thread_begin_main(void)
{
    if (getpid() != (pid_t)syscall(SYS_gettid))
        return; /* loaded by another thread: main's record would be a guess */
    struct threadleak_record *record = record_take();
    if (!record)
        return;
    char name[THREADLEAK_NAME_SIZE] = "";
    prctl(PR_GET_NAME, name);
    record_name(record, name);
    record->created_ns = threadleak_registry.start_monotonic_ns;
    record->state = THREADLEAK_STATE_MAIN;
    thread_begin(record);
    record_publish(record);
}

struct threadleak_record *thread_record(void)
{
    return thread.record == THREAD_RELEASED ? NULL : thread.record;
}

uint64_t thread_id(void)
{
    struct threadleak_record *record = thread_record();
    return record ? record->id : 0;
}

struct thread_found thread_find(pthread_t pthread)
{
    struct thread_found none = {NULL, 0};
    uint64_t word = *(const uint64_t *)((char *)pthread + threadleak_registry.self_offset);
    if (table_index(&threadleak_registry.records, word) == TABLE_FULL)
        return none;
    struct threadleak_record *record = (struct threadleak_record *)(uintptr_t)word;
    struct thread_found found = {record, __atomic_load_n(&record->id, __ATOMIC_ACQUIRE)};
    bool is_its = __atomic_load_n(&record->pthread, __ATOMIC_RELAXED) == (uint64_t)pthread;
    return is_its && found.id ? found : none;
}

struct thread_found thread_find_joined(pthread_t pthread, struct thread_found found)
{
    if (found.record)
        return found;
    /* The join began before the thread ran its first instruction. By now it has run and ended, and no other
     * thread with this pthread_t can have been created before it was joined: the oldest record is its. */
    const struct threadleak_table *table = &threadleak_registry.records;
    uint64_t used = __atomic_load_n(&table->used, __ATOMIC_ACQUIRE);
    for (uint64_t i = 0; i < used; i++) {
        struct threadleak_record *record = table_entry(table, (uint32_t)i);
        uint64_t id = __atomic_load_n(&record->id, __ATOMIC_ACQUIRE);
        uint32_t state = __atomic_load_n(&record->state, __ATOMIC_RELAXED);
        if (id && record->pthread == (uint64_t)pthread && !(state & THREADLEAK_STATE_JOINED) &&
            (!found.record || id < found.id))
            found = (struct thread_found){record, id};
    }
    return found;
}

bool thread_was_forked(void)
{
    const struct threadleak_record *record = thread_record();
    return record && threadleak_registry.tid_offset && record->tid != current_tid();
}

void threads_fork_child(void)
{
    struct threadleak_record *record = registry_fork_child(thread_record());
    early_fork_child();
    if (record) {
        record->tid = current_tid();
        thread.record = record;
        /* the destructor's argument only has to be non-null; the record is found through `thread` */
    }
}
