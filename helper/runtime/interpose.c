/* SPDX-License-Identifier: MIT */
/* The wrappers: what the library learns from each call, and that the call itself stays as it is. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <threads.h>
#include <unistd.h>

#include "capture.h"
#include "events.h"
#include "handles.h"
#include "history.h"
#include "init.h"
#include "misuse.h"
#include "modules.h"
#include "options.h"
#include "place.h"
#include "real.h"
#include "registry.h"
#include "report.h"
#include "scope.h"
#include "sites.h"
#include "thread.h"

/* ---- creation -------------------------------------------------------------------------------- */

/* The thread's first function. Begins, and leaves no frame of ours behind: a tail call. */
static void *run_posix(void *argument)
{
    struct threadleak_record *record = argument;
    void *(*start)(void *) = (void *(*)(void *))(uintptr_t)record->start;
    void *arg = (void *)(uintptr_t)record->arg;
    thread_begin(record);
    return start(arg);
}

static int run_c11(void *argument)
{
    struct threadleak_record *record = argument;
    thrd_start_t start = (thrd_start_t)(uintptr_t)record->start;
    void *arg = (void *)(uintptr_t)record->arg;
    thread_begin(record);
    return start(arg);
}

static uint32_t site_of(const struct capture_start *caller, uint32_t creator_site)
{
    uint64_t *frames;
    uint32_t flags;
    struct threadleak_site *draft = site_draft(&frames);
    if (!draft)
        return 0;
    unsigned count = capture_stack(caller, frames, options.frames, &flags);
    return site_count(draft, count, flags, creator_site);
}

static void inherit_name(struct threadleak_record *record, const struct threadleak_record *creator)
{
    if (creator)
        memcpy(record->name, creator->name, sizeof record->name);
    else
        record_name_from_kernel(record);
}

/* A creation under way. */
struct creation {
    struct threadleak_record *record; /* NULL: the thread stays untracked */
    uint64_t id;
    struct threadleak_record *outer; /* of the creation that this one, in a signal handler, interrupted */
};

static uint32_t default_state; /* of threads without attributes: pthread_setattr_default_np */

/* Everything of a record that is known before its thread exists. */
static void fill(struct threadleak_record *record, const struct capture_start *caller, uintptr_t start,
                 void *arg, uint32_t state, struct moment now)
{
    const struct threadleak_record *creator = thread_record();
    uint16_t module;
    module_of(start, &module);
    record->creator = creator ? creator->id : 0;
    record->start = start;
    record->arg = (uintptr_t)arg;
    record->created_ns = now.ns;
    record->pthread = 0;
    record->site = site_of(caller, creator ? creator->site : 0);
    record->scope = scope_hold(thread.scope);
    record->tid = 0;
    record_init_facts(record, state, site_expected(record->site, start));
    record->finished_ns = record->join_begun_ns = record->joiner = 0;
    record->start_module = module;
    inherit_name(record, creator);
}

/* The calling thread does that to the thread `other`. */
static void note(struct moment now, uint32_t kind, uint64_t other, uint64_t began)
{
    if (events_are_noted())
        event_note(now, (struct event){.kind = kind, .thread = thread_id(), .other = other, .began = began});
}

static void note_creation(const struct threadleak_record *record, uint64_t id, struct moment now)
{
    history_created(record->site, now.ns);
    if (events_are_noted())
        event_note(now, (struct event){.kind = THREADLEAK_EVENT_CREATE,
                                       .thread = record->creator,
                                       .other = id,
                                       .site = record->site,
                                       .scope = (uint32_t)scope_id(record->scope)});
}

/* A record for the thread that is about to be created, published: from its first instruction on it is known.
 */
__attribute__((noinline)) static struct creation creation_begin(const struct capture_start *caller,
                                                                uintptr_t start, void *arg, uint32_t state)
{
    struct creation creation = {NULL, 0, NULL};
    if (!library_ready())
        return creation;
    int saved = errno;
    if (__builtin_expect(thread_was_forked(), 0))
        library_forked();
    library_watch_exit();
    creation.record = record_take();
    if (creation.record) {
        struct moment now = moment_now();
        fill(creation.record, caller, start, arg, state, now);
        creation.outer = thread.creating;
        thread.creating = creation.record; /* first: a signal handler may call fork */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        creation.id = record_publish(creation.record);
        note_creation(creation.record, creation.id, now);
    }
    errno = saved;
    return creation;
}

__attribute__((noinline, cold)) static void creation_failed(const struct creation *creation, int error)
{
    if (!library_ready())
        return;
    struct threadleak_registry *registry = &threadleak_registry;
    if (creation->record) {
        note(moment_to_note(), THREADLEAK_EVENT_CREATE_FAILED, creation->id, 0);
        record_cancel(creation->record);
    }
    __atomic_fetch_add(&registry->failed_creates, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&registry->failed_errno, (uint32_t)error, __ATOMIC_RELAXED);
    __atomic_store_n(&registry->failed_at_ns, registry_now(), __ATOMIC_RELAXED);
    if (error != EAGAIN)
        return;
    __atomic_fetch_add(&registry->failed_eagain, 1, __ATOMIC_RELAXED);
    if (options.eagain_report)
        report_eagain();
}

/* `pthread` is where libc stored the pthread_t, and the caller's. Read only while the thread has not begun:
 * from then on it may free it, and is found through its TLS. */
static void creation_end(const struct creation *creation, int error, const unsigned long *pthread)
{
    struct threadleak_record *record = creation->record;
    if (record)
        thread.creating = creation->outer;
    if (error)
        creation_failed(creation, error);
    else if (record && __atomic_load_n(&record->id, __ATOMIC_ACQUIRE) == creation->id &&
             !__atomic_load_n(&record->pthread, __ATOMIC_ACQUIRE))
        thread_note(record, creation->id, *pthread);
}

static uint32_t state_of_attributes(const pthread_attr_t *attr)
{
    int detached;
    if (pthread_attr_getdetachstate(attr, &detached) || detached != PTHREAD_CREATE_DETACHED)
        return 0;
    return THREADLEAK_STATE_DETACHED | THREADLEAK_STATE_BORN_DETACHED;
}

EXPORT int WRAPPER(pthread_create)(pthread_t *restrict pthread, const pthread_attr_t *restrict attr,
                                   void *(*start)(void *), void *restrict arg)
{
    struct capture_start caller;
    CAPTURE_CALLER(caller);
    caller.top = thread.stack_top;
    uint32_t state = attr ? state_of_attributes(attr) : __atomic_load_n(&default_state, __ATOMIC_RELAXED);
    struct creation creation = creation_begin(&caller, (uintptr_t)start, arg, state);
    bool is_known = creation.record != NULL;
    int error =
        REAL(pthread_create)(pthread, attr, is_known ? run_posix : start, is_known ? creation.record : arg);
    creation_end(&creation, error, pthread);
    return error;
}

EXPORT int WRAPPER(thrd_create)(thrd_t *thr, thrd_start_t start, void *arg)
{
    struct capture_start caller;
    CAPTURE_CALLER(caller);
    caller.top = thread.stack_top;
    struct creation creation = creation_begin(&caller, (uintptr_t)start, arg, THREADLEAK_STATE_C11);
    bool is_known = creation.record != NULL;
    int result = REAL(thrd_create)(thr, is_known ? run_c11 : start, is_known ? creation.record : arg);
    /* without attributes it fails for lack of resources alone */
    creation_end(&creation, result == thrd_success ? 0 : EAGAIN, thr);
    return result;
}

EXPORT int WRAPPER(pthread_setattr_default_np)(const pthread_attr_t *attr)
{
    int error = REAL(pthread_setattr_default_np)(attr);
    if (!error)
        __atomic_store_n(&default_state, state_of_attributes(attr), __ATOMIC_RELAXED);
    return error;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void mark_exited(void)
{
    struct threadleak_record *record = thread_record();
    if (record)
        record_mark(record, record->id, THREADLEAK_STATE_EXITED, 0);
}

EXPORT __attribute__((noreturn)) void WRAPPER(pthread_exit)(void *result)
{
    mark_exited();
    REAL(pthread_exit)(result);
    __builtin_unreachable();
}

EXPORT __attribute__((noreturn)) void WRAPPER(thrd_exit)(int result)
{
    mark_exited();
    REAL(thrd_exit)(result);
    __builtin_unreachable();
}

/* ---- what is said of a thread: joined, detached ----------------------------------------------*/

/* Looks up `pthread` BEFORE the real call, after which it may be gone. */
static struct thread_found find(pthread_t pthread)
{
    return library_ready() ? thread_find(pthread) : (struct thread_found){NULL, 0};
}

/* The stack pointer of who called the wrapper in which this stands. */
#define CALLER_SP() ((uintptr_t)__builtin_dwarf_cfa())

/* The same for a join or a detach at `pc`, about which there may be something to say. */
static inline struct thread_found find_for(enum misuse_use use, pthread_t pthread, uintptr_t pc, uintptr_t sp)
{
    struct thread_found found = find(pthread);
    bool is_fine = found.record && pthread != pthread_self() &&
                   !(__atomic_load_n(&found.record->state, __ATOMIC_RELAXED) & THREADLEAK_STATE_DETACHED);
    if (__builtin_expect(!is_fine, 0) && library_ready())
        misuse_look(use, pthread, found, place_of(pc, sp));
    return found;
}

struct joining {
    struct thread_found found;
    struct moment begun; /* without ticks: it does not wait */
    uint64_t before_id;  /* the thread's id is lower */
    uintptr_t pc;
    bool is_first; /* no other thread's join of it was under way */
};

static void join_begin(struct joining *joining, pthread_t pthread, uintptr_t sp)
{
    joining->is_first = false;
    joining->found = find_for(MISUSE_JOIN, pthread, joining->pc, sp);
    joining->before_id = __atomic_load_n(&threadleak_registry.next_id, __ATOMIC_RELAXED);
    struct threadleak_record *record = joining->found.record;
    if (!record)
        return;
    /* That of a thread which has finished does not wait, and has no beginning. */
    bool waits = !(__atomic_load_n(&record->state, __ATOMIC_RELAXED) & THREADLEAK_STATE_FINISHED);
    joining->begun = waits && events_are_noted() ? moment_now() : (struct moment){0, registry_now()};
    joining->is_first = !__atomic_load_n(&record->join_begun_ns, __ATOMIC_RELAXED);
    if (joining->is_first) {
        __atomic_store_n(&record->join_pc, joining->pc, __ATOMIC_RELAXED);
        __atomic_store_n(&record->joiner, thread_id(), __ATOMIC_RELAXED);
        __atomic_store_n(&record->join_begun_ns, joining->begun.ns, __ATOMIC_RELEASE);
    } else {
        misuse_look_at_joiner(pthread, joining->found, place_of(joining->pc, sp));
    }
}

/* Who asks every millisecond whether a thread has ended would fill the ring with that. */
#define LEAST_VAIN_NS 10000000

/* The join came to nothing: it failed, timed out, or its thread was cancelled in it. */
static void join_undo(void *argument)
{
    const struct joining *joining = argument;
    const struct thread_found *found = &joining->found;
    struct moment now = moment_to_note();
    if (found->record && joining->begun.ticks && now.ns - joining->begun.ns >= LEAST_VAIN_NS)
        note(now, THREADLEAK_EVENT_JOIN_FAILED, found->id, joining->begun.ticks);
    if (joining->is_first && __atomic_load_n(&found->record->id, __ATOMIC_ACQUIRE) == found->id)
        __atomic_store_n(&found->record->join_begun_ns, 0, __ATOMIC_RELAXED);
}

/* What became of it, for who uses its pthread_t again. */
__attribute__((noinline)) static void note_fate(struct thread_found found, uint32_t bit, pthread_t pthread,
                                                uintptr_t pc)
{
    const struct handle handle = {
        .record = found.record,
        .id = found.id,
        .fate = bit == THREADLEAK_STATE_JOINED ? HANDLE_JOINED : HANDLE_DETACHED,
        .site = found.record->site,
        .pc = pc,
    };
    handle_note((uint64_t)pthread, &handle);
}

/* `bit` holds for the thread from now on, and its pthread_t is of no more use. */
static void over(struct thread_found found, uint32_t bit, pthread_t pthread, uintptr_t pc, uint64_t began)
{
    if (__atomic_load_n(&found.record->id, __ATOMIC_ACQUIRE) != found.id)
        return; /* said already, by another thread */
    note_fate(found, bit, pthread, pc);
    struct moment now = moment_to_note();
    bool is_join = bit == THREADLEAK_STATE_JOINED;
    note(now, is_join ? THREADLEAK_EVENT_JOIN_END : THREADLEAK_EVENT_DETACH, found.id, began);
    history_meet(found.record->site, now.ns);
    record_mark(found.record, found.id, bit, now.ns);
}

static void join_done(const struct joining *joining, pthread_t pthread)
{
    struct thread_found found = joining->found;
    if (!found.record && library_ready())
        found = thread_find_joined(pthread, joining->before_id);
    if (found.record)
        over(found, THREADLEAK_STATE_JOINED, pthread, joining->pc, joining->begun.ticks);
}

/* Of glibc, for ever (nptl/cleanup_compat.c): pthread_cleanup_push without a jmp_buf, which would take half
 * of the stack that we may have. */
void _pthread_cleanup_push(struct _pthread_cleanup_buffer *, void (*)(void *), void *);
void _pthread_cleanup_pop(struct _pthread_cleanup_buffer *, int execute);

/* A join that blocks, and with it a cancellation point. */
#define JOIN(pthread, success, call)                                                                         \
    do {                                                                                                     \
        struct joining joining = {.pc = (uintptr_t)__builtin_return_address(0)};                             \
        struct _pthread_cleanup_buffer undo;                                                                 \
        join_begin(&joining, pthread, CALLER_SP());                                                          \
        _pthread_cleanup_push(&undo, join_undo, &joining);                                                   \
        int result = call;                                                                                   \
        _pthread_cleanup_pop(&undo, result != success);                                                      \
        if (result == success)                                                                               \
            join_done(&joining, pthread);                                                                    \
        return result;                                                                                       \
    } while (0)

EXPORT int WRAPPER(pthread_join)(pthread_t pthread, void **value)
{
    JOIN(pthread, 0, REAL(pthread_join)(pthread, value));
}

EXPORT int WRAPPER(pthread_timedjoin_np)(pthread_t pthread, void **value, const struct timespec *until)
{
    JOIN(pthread, 0, REAL(pthread_timedjoin_np)(pthread, value, until));
}

EXPORT int WRAPPER(pthread_clockjoin_np)(pthread_t pthread, void **value, clockid_t clock,
                                         const struct timespec *until)
{
    JOIN(pthread, 0, REAL(pthread_clockjoin_np)(pthread, value, clock, until));
}

EXPORT int WRAPPER(thrd_join)(thrd_t thr, int *value)
{
    JOIN((pthread_t)thr, thrd_success, REAL(thrd_join)(thr, value));
}

EXPORT int WRAPPER(pthread_tryjoin_np)(pthread_t pthread, void **value)
{
    uintptr_t pc = (uintptr_t)__builtin_return_address(0);
    struct joining joining = {.found = find_for(MISUSE_JOIN, pthread, pc, CALLER_SP()),
                              .before_id = __atomic_load_n(&threadleak_registry.next_id, __ATOMIC_RELAXED),
                              .pc = pc};
    int error = REAL(pthread_tryjoin_np)(pthread, value);
    if (!error)
        join_done(&joining, pthread);
    return error;
}

EXPORT int WRAPPER(pthread_detach)(pthread_t pthread)
{
    uintptr_t pc = (uintptr_t)__builtin_return_address(0);
    struct thread_found found = find_for(MISUSE_DETACH, pthread, pc, CALLER_SP());
    int error = REAL(pthread_detach)(pthread);
    if (!error && found.record)
        over(found, THREADLEAK_STATE_DETACHED, pthread, pc, 0);
    return error;
}

EXPORT int WRAPPER(thrd_detach)(thrd_t thr)
{
    uintptr_t pc = (uintptr_t)__builtin_return_address(0);
    struct thread_found found = find_for(MISUSE_DETACH, (pthread_t)thr, pc, CALLER_SP());
    int result = REAL(thrd_detach)(thr);
    if (result == thrd_success && found.record)
        over(found, THREADLEAK_STATE_DETACHED, (pthread_t)thr, pc, 0);
    return result;
}
