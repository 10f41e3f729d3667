/* SPDX-License-Identifier: MIT */
#include "exit_check.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "candidates.h"
#include "ending.h"
#include "engine.h"
#include "exit_socket.h"
#include "expected.h"
#include "held.h"
#include "init.h"
#include "once.h"
#include "only.h"
#include "options.h"
#include "registry.h"
#include "result_socket.h"
#include "thread.h"
#include "threadleak.h"
#include "verify.h"

#define CANNOT_TELL_STATUS 2
#define MS 1000000u
#define ENDING_NS (5 * MS) /* for threads that end while _exit is called */
#define QUIET_NS (20 * MS) /* those that destructors have told to end do not sleep longer */
#define MOST_MS 1000       /* less than an exit that the engine takes for one that hangs */
#define UNHEARD                                                                                              \
    "`threadleak run` cannot be told of this program, as from another network namespace with another /tmp; " \
    "start it in there, or share the folder that its TMPDIR names"
#define UNCHECKED "it ended by _exit while threads were there, without a check"

static bool wanted;
static uint32_t is_disarmed;
static int (*says_disarmed)(void);

void exit_check_init(void)
{
    wanted = options.at_exit != AT_EXIT_NONE && only_this_program();
}

bool exit_check_wanted(void)
{
    return wanted;
}

__attribute__((visibility("default"))) void threadleak_disarm_(void)
{
    __atomic_store_n(&is_disarmed, 1, __ATOMIC_RELAXED);
}

__attribute__((visibility("default"))) void threadleak_disarm_if_(int (*says)(void))
{
    __atomic_store_n(&says_disarmed, says, __ATOMIC_RELEASE);
}

bool exit_check_is_disarmed(void)
{
    int (*says)(void) = __atomic_load_n(&says_disarmed, __ATOMIC_ACQUIRE);
    return __atomic_load_n(&is_disarmed, __ATOMIC_RELAXED) || (says && says());
}

static struct once first, second;

bool exit_check_runs(void)
{
    return once_phase(&first) == ONCE_RUNS || once_phase(&second) == ONCE_RUNS;
}

/* ---- the two looks --------------------------------------------------------------------------- */

static char message[400];
static uint64_t first_end; /* the first look was at records before this one */
static bool is_held;       /* and its report is held */

static struct threadleak_options settings(int32_t settle_ms)
{
    struct threadleak_options how = THREADLEAK_OPTIONS_INIT;
    how.flags = options.allow == ALLOW_DETACHED ? THREADLEAK_ALLOW_DETACHED : 0;
    how.settle_ms = settle_ms;
    how.message = message;
    how.room = sizeof message;
    return how;
}

static void headline_only(void)
{
    message[strcspn(message, "\n")] = '\0';
}

static int look_first(int status)
{
    const struct threadleak_options how = settings(-1);
    const struct verify_request request = {.what = VERIFY_EXIT, .id = 1, .how = &how, .holds = true};
    (void)status;
    __atomic_fetch_or(&threadleak_registry.flags, THREADLEAK_REGISTRY_EXITING, __ATOMIC_RELEASE);
    message[0] = '\0';
    first_end = __atomic_load_n(&threadleak_registry.next_id, __ATOMIC_ACQUIRE);
    int leaked = exit_check_is_disarmed() ? 0 : verify(&request);
    is_held = leaked > 0 && engine_is_kept();
    headline_only();
    if (is_held) {
        result_unchecked("it ended before its exit was over; when that began: ", message);
        exit_socket_tell();
    }
    return leaked;
}

/* Of the threads that the first look saw. They had their time, and what they use may be gone by now: those
 * alone are waited for that destructors have told to end. */
static int leaked_before(void)
{
    const struct threadleak_options how = settings(0);
    struct verify_request request = {.what = VERIFY_EXIT, .id = 1, .how = &how, .holds = true};
    const struct selection unexpected = {
        .first_id = 1, .allows_detached = how.flags & THREADLEAK_ALLOW_DETACHED, .self = thread_record()};
    uint64_t most_ms = options.settle_ms < MOST_MS ? options.settle_ms : MOST_MS;
    if (first.found && most_ms)
        ending_await(&unexpected, first_end, QUIET_NS, most_ms * MS);
    int leaked = is_held ? held_report(&request, first_end) : first.found;
    request.holds = false;
    return leaked >= 0 ? leaked : verify(&request);
}

/* Of those that destructors have created. */
static int leaked_since(void)
{
    const struct threadleak_options how = settings(-1);
    const struct verify_request request = {.what = VERIFY_EXIT, .id = first_end, .how = &how};
    const struct selection selection = verify_selection(&request, how.flags);
    return candidates_none(&selection) ? 0 : verify(&request);
}

static int leaked_at_all(void)
{
    int before = leaked_before(), since = leaked_since();
    if (before > 0 || since > 0)
        return (before > 0 ? before : 0) + (since > 0 ? since : 0);
    return before < 0 || since < 0 ? THREADLEAK_CANNOT_TELL : 0;
}

/* A check that is not the one that was asked for says nothing where it finds nothing. */
static int as_asked(int leaked)
{
    const struct threadleak_options how = settings(0);
    const char *fault = options_fault();
    return leaked == 0 && fault ? verify_unable(&how, fault) : leaked;
}

/* Whoever started us would take what it never heard of for clean. */
static int as_heard(int leaked, bool is_heard)
{
    const struct threadleak_options how = settings(0);
    return leaked == 0 && !is_heard ? verify_unable(&how, UNHEARD) : leaked;
}

/* The number of leaked threads, 0 if it was disarmed, or THREADLEAK_CANNOT_TELL. */
static int look_again(int status)
{
    bool skips = exit_check_is_disarmed();
    int leaked = 0;
    message[0] = '\0';
    if (skips)
        held_drop();
    else
        leaked = as_asked(leaked_at_all());
    headline_only();
    bool is_heard = result_checked(status, leaked, skips ? "disarmed by the program" : message);
    exit_socket_tell();
    return skips ? leaked : as_heard(leaked, is_heard);
}

/* ---- the status ------------------------------------------------------------------------------ */

static int last_status; /* that exit or quick_exit was called with */

static int status_after(int status, int leaked)
{
    const int seen = status & 0xff; /* by whoever waits (man 3 exit) */
    if (seen || leaked == 0 || options.at_exit == AT_EXIT_REPORT)
        return status;
    return leaked > 0 ? (int)options.exitcode : CANNOT_TELL_STATUS;
}

/* Not 0: 1 more than the fork generation of the process whose exit has begun. */
static uint32_t begun;

static bool has_begun(void)
{
    return __atomic_load_n(&begun, __ATOMIC_RELAXED) == threadleak_registry.fork_generation + 1;
}

static bool is_on(void)
{
    return wanted && library_ready();
}

/* Whether the process is the one that the registry is of. */
static bool is_ours(void)
{
    return threadleak_registry.pid == (uint32_t)getpid();
}

/* Whether there is nothing to look at and nobody to tell. The program may be in a sandbox that kills it for
 * what it does not do itself: beyond the count of threads, once, no system call is made. So it does not know
 * whether it is a copy of another process, and leaves nothing that would disturb that one. */
static bool needs_no_look(void)
{
    static uint64_t counted; /* next_id when the threads were counted */
    const struct threadleak_options how = settings(-1);
    const struct verify_request request = {.what = VERIFY_EXIT, .id = 1, .how = &how};
    uint64_t next_id = __atomic_load_n(&threadleak_registry.next_id, __ATOMIC_ACQUIRE);
    if (once_phase(&first) != ONCE_NOT_YET || options.result_socket[0] || options.exit_socket[0] ||
        exit_check_is_disarmed() || options_fault() ||
        !verify_is_clean(&request, __atomic_load_n(&counted, __ATOMIC_RELAXED) != next_id))
        return false;
    __atomic_store_n(&counted, next_id, __ATOMIC_RELAXED);
    return true;
}

static int look_undisturbed(struct once *once, int (*look)(int), int status)
{
    int saved = errno, cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    int leaked = once_do(once, look, status, THREADLEAK_CANNOT_TELL);
    pthread_setcancelstate(cancel, NULL);
    errno = saved;
    return leaked;
}

/* Whoever has called exit ends with the process, however long it waits for another thread's look. */
static void mark_as_exiting(void)
{
    struct threadleak_record *record = thread_record();
    if (!record || record->state & THREADLEAK_STATE_MAIN)
        return;
    uint32_t rule = expected_rule("exit: it called exit, and ends with the process", THREADLEAK_RULE_EXITS);
    if (rule && rule != record->expected)
        record_expect_own(record, rule);
}

void exit_check_begin(int status)
{
    last_status = status;
    if (!is_on())
        return;
    __atomic_store_n(&begun, threadleak_registry.fork_generation + 1, __ATOMIC_RELAXED);
    mark_as_exiting();
    if (!needs_no_look() && is_ours())
        look_undisturbed(&first, look_first, status);
}

int exit_check_end(int status)
{
    if (!is_on() || needs_no_look() || !is_ours())
        return status;
    mark_as_exiting();
    look_undisturbed(&first, look_first, status);
    if (once_phase(&first) == ONCE_RUNS) /* by this thread, which a signal handler has interrupted */
        return status_after(status, THREADLEAK_CANNOT_TELL);
    return status_after(status, look_undisturbed(&second, look_again, status));
}

int exit_check_end_quickly(void)
{
    return exit_check_end(last_status);
}

/* Threads that are just ending have a few milliseconds: whoever joined them by other means than pthread_join,
 * as Python does, takes them for gone. */
static bool are_all_gone(const struct selection *all)
{
    ending_await(all, UINT64_MAX, ENDING_NS, ENDING_NS);
    return candidates_none(all);
}

int exit_check_cut(int status)
{
    if (!is_on())
        return status;
    enum once_phase phase = once_phase(&first);
    if (phase == ONCE_DONE || (phase == ONCE_NOT_YET && has_begun()))
        return exit_check_end(status);
    if (phase != ONCE_NOT_YET || !result_is_awaited() || !is_ours())
        return status;
    const struct selection all = {.first_id = 1, .self = thread_record()};
    bool skips = exit_check_is_disarmed(), is_clean = skips || are_all_gone(&all);
    bool is_heard = is_clean ? result_checked(status, 0, "") : result_unchecked(UNCHECKED, "");
    return skips ? status : status_after(status, as_heard(0, is_heard));
}
