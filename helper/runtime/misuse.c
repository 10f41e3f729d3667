/* SPDX-License-Identifier: MIT */
#include "misuse.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "descriptor.h"
#include "handles.h"
#include "log.h"
#include "options.h"
#include "place.h"
#include "registry.h"
#include "system_call.h"
#include "table.h"
#include "text.h"

#define PLACES 64 /* that have had their say; then it is silent */

/* Whether nothing was said about `pc` so far. */
static bool is_first_time(uintptr_t pc)
{
    static uintptr_t said[PLACES];
    for (unsigned i = 0; i < PLACES; i++) {
        uintptr_t before = 0;
        if (__atomic_compare_exchange_n(&said[i], &before, pc, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return true;
        if (before == pc)
            return false;
    }
    return false;
}

/* "threadleak: thread 17 WHAT: at 0x... (prog+0x1234), AND_BEFORE at ...; created at ..." */
static void say(uint64_t id, const char *what, uintptr_t pc, const char *and_before, uintptr_t pc_before,
                uint32_t site)
{
    struct log log;
    if (!is_first_time(pc))
        return;
    log_begin(&log);
    log_text(&log, "threadleak: ");
    if (id) {
        log_text(&log, "thread ");
        log_number(&log, id);
    } else {
        log_text(&log, "a thread");
    }
    log_text(&log, what);
    log_text(&log, ": at ");
    place_print(&log, pc);
    if (pc_before) {
        log_text(&log, and_before);
        place_print(&log, pc_before);
    }
    if (site) {
        log_text(&log, "; created at ");
        place_print_site(&log, site);
    }
    log_text(&log, "\n");
    log_end(&log);
}

static void say_no_thread(enum misuse_use use, pthread_t pthread, uintptr_t pc)
{
    struct log log;
    if (!is_first_time(pc))
        return;
    log_begin(&log);
    log_text(&log, "threadleak: ");
    log_address(&log, (uint64_t)pthread);
    log_text(&log, use == MISUSE_JOIN ? " is joined" : " is detached");
    log_text(&log, ", but is no thread: at ");
    place_print(&log, pc);
    log_text(&log, "\n");
    log_end(&log);
}

/* It was joined, or detached, before. */
static void say_again(enum misuse_use use, const struct handle *before, uintptr_t pc)
{
    static const char *const whats[2][2] = {
        [MISUSE_JOIN] = {" is joined twice", " is joined although it was detached"},
        [MISUSE_DETACH] = {" is detached although it was joined", " is detached twice"},
    };
    static const char *const befores[2][2] = {
        [MISUSE_JOIN] = {", and before at ", ", and detached at "},
        [MISUSE_DETACH] = {", and joined at ", ", and before at "},
    };
    bool was_detached = before->fate == HANDLE_DETACHED;
    say(before->id, whats[use][was_detached], pc, befores[use][was_detached], before->pc, before->site);
}

/* A thread with a record that is detached already. */
static void look_at_detached(enum misuse_use use, pthread_t pthread, struct thread_found found, uintptr_t pc)
{
    struct handle before;
    struct handle unknown = {found.record, found.id, HANDLE_DETACHED, found.record->site, 0};
    if (__atomic_load_n(&found.record->state, __ATOMIC_RELAXED) & THREADLEAK_STATE_BORN_DETACHED)
        say(found.id,
            use == MISUSE_JOIN ? " is joined although it was created detached"
                               : " is detached although it was created so",
            pc, "", 0, found.record->site);
    else if (handle_find((uint64_t)pthread, &before) && before.id == found.id &&
             before.fate == HANDLE_DETACHED)
        say_again(use, &before, pc);
    else
        say_again(use, &unknown, pc);
}

/* Nothing in the registry has this pthread_t: it is a thread that no wrapper saw, or no thread. */
static void look_at_unknown(enum misuse_use use, pthread_t pthread, uintptr_t pc)
{
    struct handle before;
    uint64_t id = 0;
    enum descriptor descriptor = descriptor_look(pthread, &id);
    bool is_known = handle_find((uint64_t)pthread, &before) && before.fate != HANDLE_VALID;
    bool is_its = is_known && (descriptor == DESCRIPTOR_NONE || before.id == id);
    if (descriptor == DESCRIPTOR_JOINED || descriptor == DESCRIPTOR_DETACHED) {
        enum handle_fate fate = descriptor == DESCRIPTOR_JOINED ? HANDLE_JOINED : HANDLE_DETACHED;
        if (!is_its || before.fate != fate)
            before = (struct handle){NULL, id, fate, 0, 0};
        say_again(use, &before, pc);
    } else if (descriptor != DESCRIPTOR_VALID && is_its) {
        say_again(use, &before, pc);
    } else if (descriptor == DESCRIPTOR_NONE) {
        say_no_thread(use, pthread, pc);
    }
}

void misuse_look(enum misuse_use use, pthread_t pthread, struct thread_found found, uintptr_t pc)
{
    if (!options.misuse)
        return;
    if (!found.record)
        look_at_unknown(use, pthread, pc);
    else if (__atomic_load_n(&found.record->state, __ATOMIC_RELAXED) & THREADLEAK_STATE_DETACHED)
        look_at_detached(use, pthread, found, pc);
    else if (use == MISUSE_JOIN && pthread == pthread_self())
        say(found.id, " joins itself", pc, "", 0, found.record->site);
}

/* ---- two joins at once ----------------------------------------------------------------------- */

static uint32_t tid_of(uint64_t id)
{
    const struct threadleak_table *table = &threadleak_registry.records;
    uint64_t used = __atomic_load_n(&table->used, __ATOMIC_ACQUIRE);
    for (uint64_t i = 0; i < used; i++) {
        const struct threadleak_record *record = table_entry(table, (uint32_t)i);
        if (__atomic_load_n(&record->id, __ATOMIC_ACQUIRE) == id)
            return record->tid;
    }
    return 0;
}

/* Whether the thread `tid` waits for the word at `address` now (proc(5), /proc/pid/syscall). */
static bool waits_at(uint32_t tid, uint64_t address)
{
    char path[64], line[64], expected[64];
    struct text text = text_in(path, sizeof path), prefix = text_in(expected, sizeof expected);
    text_add(&text, "/proc/self/task/");
    text_add_number(&text, tid);
    text_add(&text, "/syscall");
    text_add_number(&prefix, SYS_futex);
    text_add(&prefix, " ");
    text_add_address(&prefix, address);
    text_add(&prefix, " ");
    long fd = system_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    long length = fd < 0 ? 0 : system_call(SYS_read, fd, line, sizeof line - 1);
    if (fd >= 0)
        system_call(SYS_close, fd);
    line[length > 0 ? length : 0] = '\0';
    return strncmp(line, expected, prefix.length) == 0;
}

void misuse_look_at_joiner(pthread_t pthread, struct thread_found found, uintptr_t pc)
{
    uint64_t joiner = __atomic_load_n(&found.record->joiner, __ATOMIC_RELAXED);
    int32_t offset = threadleak_registry.tid_offset;
    char words[48];
    struct text text = text_in(words, sizeof words);
    /* The record alone does not say so for certain: a signal handler may have left a join by longjmp. */
    if (!options.misuse || !joiner || joiner == thread_id() || !offset ||
        !waits_at(tid_of(joiner), (uint64_t)pthread + (uint64_t)(int64_t)offset))
        return;
    text_add(&text, ", and by thread ");
    text_add_number(&text, joiner);
    text_add(&text, " at ");
    uintptr_t joiner_pc = __atomic_load_n(&found.record->join_pc, __ATOMIC_RELAXED);
    say(found.id, " is joined by two threads at once", pc, words, joiner_pc, found.record->site);
}
