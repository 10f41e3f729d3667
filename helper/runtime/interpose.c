/* SPDX-License-Identifier: MIT */
#include "interpose.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <threads.h>

#include "capture.h"
#include "early.h"
#include "init.h"
#include "modules.h"
#include "options.h"
#include "registry.h"
#include "report.h"
#include "scope.h"
#include "sites.h"
#include "thread.h"

#define EXPORT __attribute__((visibility("default")))

/* Every function that is interposed. */
#define FUNCTIONS(X)                                                                                         \
    X(pthread_create)                                                                                        \
    X(pthread_join)                                                                                          \
    X(pthread_tryjoin_np)                                                                                    \
    X(pthread_timedjoin_np)                                                                                  \
    X(pthread_clockjoin_np)                                                                                  \
    X(pthread_detach)                                                                                        \
    X(pthread_exit)                                                                                          \
    X(pthread_setname_np)                                                                                    \
    X(prctl)                                                                                                 \
    X(thrd_create)                                                                                           \
    X(thrd_join)                                                                                             \
    X(thrd_detach)                                                                                           \
    X(thrd_exit)                                                                                             \
    X(dlclose)

#ifdef THREADLEAK_WRAP

#define WRAPPER(name) __wrap_##name
#define REAL(name) __real_##name
/* Weak: the archive must not pull dlclose into a fully static program. */
#define DECLARE(name)                                                                                        \
    extern __typeof__(name) __real_##name __attribute__((weak));                                             \
    extern __typeof__(name) __wrap_##name;
FUNCTIONS(DECLARE)

bool interpose_is_active(void)
{
    return true;
}

#else

#define WRAPPER(name) name
#define REAL(name) ((__typeof__(name) *)real_function(REAL_##name, #name))
#define NUMBER(name) REAL_##name,
enum { FUNCTIONS(NUMBER) REAL_FUNCTIONS };

static void *real_functions[REAL_FUNCTIONS];

static int missing(void)
{
    return ENOSYS; /* a libc that lacks the function: bare, the program would not have started */
}

__attribute__((noinline, cold)) static void *resolve(unsigned number, const char *name)
{
    int saved = errno;
    void *function = dlsym(RTLD_NEXT, name);
    errno = saved;
    if (!function)
        function = (void *)missing;
    __atomic_store_n(&real_functions[number], function, __ATOMIC_RELAXED);
    return function;
}

static inline void *real_function(unsigned number, const char *name)
{
    void *function = __atomic_load_n(&real_functions[number], __ATOMIC_RELAXED);
    return __builtin_expect(function != NULL, 1) ? function : resolve(number, name);
}

/* The dynamic linker looks symbols up in the order of its list: calls get here if we stand before the library
 * that has the real function. What is loaded by dlopen stands behind it. A sanitizer's own interceptor may
 * stand first: its next is ours. */
bool interpose_is_active(void)
{
    Dl_info info;
    struct link_map *ours = NULL, *real = NULL;
    if (!dladdr1((void *)interpose_is_active, &info, (void **)&ours, RTLD_DL_LINKMAP) ||
        !dladdr1((void *)REAL(pthread_create), &info, (void **)&real, RTLD_DL_LINKMAP))
        return false;
    while (ours && ours != real)
        ours = ours->l_next;
    return ours == real;
}

#endif

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
    if (creator) {
        memcpy(record->name, creator->name, sizeof record->name);
        return;
    }
    char name[THREADLEAK_NAME_SIZE] = "";
    REAL(prctl)(PR_GET_NAME, name);
    record_name(record, name);
}

/* A record for a thread that is about to be created, published: from its first instruction on it is known.
 * NULL: it stays untracked. */
__attribute__((noinline)) static struct threadleak_record *
creation_begin(const struct capture_start *caller, uintptr_t start, void *arg, uint32_t state)
{
    if (!library_ready())
        return NULL;
    if (__builtin_expect(thread_was_forked(), 0))
        library_forked();
    struct threadleak_record *record = record_take();
    if (!record)
        return NULL;
    int saved = errno;
    const struct threadleak_record *creator = thread_record();
    uint16_t module;
    module_of(start, &module);
    record->creator = creator ? creator->id : 0;
    record->start = start;
    record->arg = (uintptr_t)arg;
    record->created_ns = registry_now();
    record->pthread = 0;
    record->site = site_of(caller, creator ? creator->site : 0);
    record->scope = scope_hold(thread.scope);
    record->tid = record->expected = 0;
    record->state = state;
    record->finished_ns = record->join_begun_ns = record->joiner = 0;
    record->start_module = module;
    inherit_name(record, creator);
    record_publish(record);
    errno = saved;
    return record;
}

__attribute__((noinline, cold)) static void creation_failed(struct threadleak_record *record, int error)
{
    if (!library_ready())
        return;
    struct threadleak_registry *registry = &threadleak_registry;
    if (record)
        record_cancel(record);
    __atomic_fetch_add(&registry->failed_creates, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&registry->failed_errno, (uint32_t)error, __ATOMIC_RELAXED);
    __atomic_store_n(&registry->failed_at_ns, registry_now(), __ATOMIC_RELAXED);
    if (error != EAGAIN)
        return;
    __atomic_fetch_add(&registry->failed_eagain, 1, __ATOMIC_RELAXED);
    if (options.eagain_report)
        report_eagain();
}

static uint32_t state_from(const pthread_attr_t *attr)
{
    int detached;
    if (!attr || pthread_attr_getdetachstate(attr, &detached) || detached != PTHREAD_CREATE_DETACHED)
        return 0;
    return THREADLEAK_STATE_DETACHED | THREADLEAK_STATE_BORN_DETACHED;
}

EXPORT int WRAPPER(pthread_create)(pthread_t *restrict pthread, const pthread_attr_t *restrict attr,
                                   void *(*start)(void *), void *restrict arg)
{
    struct capture_start caller;
    CAPTURE_CALLER(caller);
    struct threadleak_record *record = creation_begin(&caller, (uintptr_t)start, arg, state_from(attr));
    int error = REAL(pthread_create)(pthread, attr, record ? run_posix : start, record ? record : arg);
    if (error)
        creation_failed(record, error);
    return error;
}

EXPORT int WRAPPER(thrd_create)(thrd_t *thr, thrd_start_t start, void *arg)
{
    struct capture_start caller;
    CAPTURE_CALLER(caller);
    struct threadleak_record *record = creation_begin(&caller, (uintptr_t)start, arg, THREADLEAK_STATE_C11);
    int result = REAL(thrd_create)(thr, record ? run_c11 : start, record ? record : arg);
    if (result != thrd_success)
        creation_failed(record, EAGAIN); /* without attributes it fails for lack of resources alone */
    return result;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void mark_exited(void)
{
    struct threadleak_record *record = thread_record();
    if (record)
        record_mark(record, record->id, THREADLEAK_STATE_EXITED);
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

/* ---- what is said of a thread: joined, detached, named ----------------------------------------*/

/* A thread as a call found it: its record, or a fact left for it because it has not begun to run. */
struct subject {
    pthread_t pthread;
    struct thread_found found;
    int ticket;
};

/* Looks up `pthread` BEFORE the real call, after which it may be gone, and leaves `fact` where it has not
 * begun yet. */
static struct subject find(pthread_t pthread, const struct early_fact *fact)
{
    struct subject subject = {.pthread = pthread, .ticket = -1};
    if (!library_ready())
        return subject;
    subject.found = thread_find(pthread);
    if (__builtin_expect(subject.found.record != NULL, 1))
        return subject;
    subject.ticket = early_leave(pthread, fact);
    subject.found = thread_find(pthread);
    if (subject.found.record && !early_withdraw(subject.ticket, pthread))
        subject.ticket = -1; /* it has picked the fact up */
    return subject;
}

static void join_begin(struct subject *subject, pthread_t pthread)
{
    struct early_fact fact = {.joiner = thread_id(), .joined_ns = registry_now()};
    *subject = find(pthread, &fact);
    struct threadleak_record *record = subject->found.record;
    if (!record)
        return;
    __atomic_store_n(&record->joiner, fact.joiner, __ATOMIC_RELAXED);
    __atomic_store_n(&record->join_begun_ns, fact.joined_ns, __ATOMIC_RELEASE);
}

/* The join came to nothing: it failed, timed out, or its thread was cancelled in it. */
static void join_undo(void *argument)
{
    struct subject *subject = argument;
    if (subject->ticket >= 0 && !early_withdraw(subject->ticket, subject->pthread))
        subject->found = thread_find(subject->pthread); /* not joined, so still there */
    struct threadleak_record *record = subject->found.record;
    if (record && __atomic_load_n(&record->id, __ATOMIC_ACQUIRE) == subject->found.id)
        __atomic_store_n(&record->join_begun_ns, 0, __ATOMIC_RELAXED);
}

static void join_done(const struct subject *subject)
{
    if (!library_ready())
        return;
    struct thread_found found = thread_find_joined(subject->pthread, subject->found);
    if (found.record)
        record_mark(found.record, found.id, THREADLEAK_STATE_JOINED);
}

/* A join that blocks, and with it a cancellation point. */
#define JOIN(pthread, success, call)                                                                         \
    do {                                                                                                     \
        struct subject subject;                                                                              \
        int result;                                                                                          \
        join_begin(&subject, pthread);                                                                       \
        pthread_cleanup_push(join_undo, &subject);                                                           \
        result = call;                                                                                       \
        pthread_cleanup_pop(result != success);                                                              \
        if (result == success)                                                                               \
            join_done(&subject);                                                                             \
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
    struct subject subject = {.pthread = pthread, .ticket = -1};
    if (library_ready())
        subject.found = thread_find(pthread); /* one that has not begun is busy: nothing to leave */
    int error = REAL(pthread_tryjoin_np)(pthread, value);
    if (!error)
        join_done(&subject);
    return error;
}

static const struct early_fact detaching = {.state = THREADLEAK_STATE_DETACHED};

static void detach_end(const struct subject *subject, bool is_detached)
{
    if (!is_detached)
        early_withdraw(subject->ticket, subject->pthread);
    else if (subject->found.record)
        record_mark(subject->found.record, subject->found.id, THREADLEAK_STATE_DETACHED);
}

EXPORT int WRAPPER(pthread_detach)(pthread_t pthread)
{
    struct subject subject = find(pthread, &detaching);
    int error = REAL(pthread_detach)(pthread);
    detach_end(&subject, error == 0);
    return error;
}

EXPORT int WRAPPER(thrd_detach)(thrd_t thr)
{
    struct subject subject = find((pthread_t)thr, &detaching);
    int result = REAL(thrd_detach)(thr);
    detach_end(&subject, result == thrd_success);
    return result;
}

EXPORT int WRAPPER(pthread_setname_np)(pthread_t pthread, const char *name)
{
    struct early_fact fact = {.name = name};
    struct subject subject = find(pthread, &fact);
    int error = REAL(pthread_setname_np)(pthread, name);
    if (error)
        early_withdraw(subject.ticket, pthread);
    else if (subject.found.record)
        record_name(subject.found.record, name);
    return error;
}

EXPORT int WRAPPER(prctl)(int option, ...)
{
    unsigned long arguments[4];
    va_list list;
    va_start(list, option);
    for (int i = 0; i < 4; i++)
        arguments[i] = va_arg(list, unsigned long);
    va_end(list);
    int result = REAL(prctl)(option, arguments[0], arguments[1], arguments[2], arguments[3]);
    struct threadleak_record *record;
    if (option == PR_SET_NAME && result == 0 && library_ready() && (record = thread_record()))
        record_name(record, (const char *)arguments[0]);
    return result;
}

EXPORT int WRAPPER(dlclose)(void *handle)
{
    int result = REAL(dlclose)(handle);
    modules_changed();
    return result;
}
