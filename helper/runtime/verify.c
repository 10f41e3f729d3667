/* SPDX-License-Identifier: MIT */
#include "verify.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "candidates.h"
#include "engine.h"
#include "init.h"
#include "log.h"
#include "options.h"
#include "registry.h"
#include "report.h"
#include "settle.h"
#include "std_thread.h"
#include "system_call.h"
#include "table.h"
#include "thread.h"

#define MS 1000000u
#define GRACE_NS (5 * MS)    /* for threads that are just ending, before an engine is worth its start */
#define LISTEN_NS (2 * MS)   /* between two looks at what the engine has said, while threads are waited for */
#define TURN_NS 60000000000u /* how long another check may have the engine after our own time is over */
#define REASON 240

static const char whole_process[] = "process"; /* the title of what has none */

/* One check. */
struct check {
    const struct verify_request *request;
    struct threadleak_options how; /* all fields, whatever the caller's version has */
    struct selection selection;
    const char *title;
    int64_t expect; /* announced number of leaks, -1: none was */
    struct text message;
    bool is_in_doubt; /* the registry alone cannot say that all is well */
    uint32_t generation;
};

/* What is left to the slow way. */
struct wait {
    uint64_t deadline, start_at; /* of the threads; of the engine */
    bool has_engine;
    uint32_t counted_at; /* events when the candidates were counted */
    uint64_t remaining;  /* how many there were: as many events it takes */
    struct engine_answer answer;
    char why[REASON];
};

/* ---- what is asked ----------------------------------------------------------------------------------*/

static struct threadleak_options complete(const struct threadleak_options *how)
{
    struct threadleak_options all = THREADLEAK_OPTIONS_INIT;
    if (how)
        memcpy(&all, how, how->size < sizeof all ? how->size : sizeof all);
    if (options.strict)
        all.flags |= THREADLEAK_STRICT;
    if (all.settle_ms < 0)
        all.settle_ms = (int32_t)options.settle_ms;
    return all;
}

struct selection verify_selection(const struct verify_request *request, uint32_t flags)
{
    return (struct selection){
        .scope = request->what == VERIFY_SCOPE ? request->scope : 0,
        .first_id = request->what != VERIFY_SCOPE && request->id ? request->id : 1,
        .allows_detached = request->what != VERIFY_EXIT && flags & THREADLEAK_ALLOW_DETACHED,
        .sees_expected = request->what == VERIFY_EXIT,
        .self = thread_record(),
    };
}

/* From now on. */
static void trust_marks(struct check *check)
{
    check->selection.allows_detached = check->how.flags & THREADLEAK_ALLOW_DETACHED;
    check->selection.sees_expected = false;
}

static int64_t take_count(uint32_t *word, int64_t announced)
{
    uint32_t count = __atomic_load_n(word, __ATOMIC_RELAXED); /* nearly always 0: no exchange */
    if (!count)
        return announced;
    __atomic_store_n(word, 0, __ATOMIC_RELAXED);
    return (int64_t)count - 1;
}

/* What was announced to threadleak_expect, and is meant for this check. */
static int64_t take_expectation(const struct verify_request *request)
{
    int64_t announced = take_count(&thread.expect, -1);
    if (request->what != VERIFY_SCOPE)
        return announced;
    struct threadleak_scope *scope = table_entry(&threadleak_registry.scopes, request->scope);
    return take_count(&scope->expected, announced);
}

static struct check begin(const struct verify_request *request)
{
    struct check check = {.request = request, .how = complete(request->how), .expect = -1};
    bool has_title = request->title && request->title[0];
    check.title = has_title ? request->title : request->what == VERIFY_SCOPE ? "a scope" : whole_process;
    check.selection = verify_selection(request, check.how.flags);
    check.message = text_in(check.how.message, check.how.message ? check.how.room : 0);
    check.generation = threadleak_registry.fork_generation;
    return check;
}

/* ---- results ----------------------------------------------------------------------------------------*/

/* One line, to be read by people and given to the caller. */
static void say(struct check *check, const char *before, const char *text)
{
    struct text *message = &check->message;
    *message = text_in(message->start, message->size);
    text_add(message, before);
    text_add(message, text);
    if (check->how.flags & THREADLEAK_QUIET)
        return;
    struct log log;
    log_begin(&log);
    log_text(&log, "threadleak: ");
    log_text(&log, before);
    log_text(&log, text);
    if (check->title != whole_process) {
        log_text(&log, " (");
        log_text(&log, check->title);
        log_text(&log, ")");
    }
    log_text(&log, "\n");
    log_end(&log);
}

/* A report that is held back and cannot be made is none: the check is made once more, with what was
 * announced. */
static int cannot_tell(struct check *check, const char *why)
{
    if (check->request->holds) {
        if (check->expect >= 0)
            thread.expect = (uint32_t)(check->expect + 1);
        return THREADLEAK_CANNOT_TELL;
    }
    say(check, "cannot tell whether threads leaked: ", why);
    return THREADLEAK_CANNOT_TELL;
}

__attribute__((noinline, cold)) static int found_too_few(struct check *check)
{
    char text[64];
    struct text number = text_in(text, sizeof text);
    text_add_number(&number, (uint64_t)check->expect);
    text_add(&number, " leaked threads, found 0");
    say(check, "expected ", text);
    return (int)check->expect;
}

static int number_of(uint64_t leaked)
{
    return leaked > INT32_MAX ? INT32_MAX : (int)leaked;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static int plain_result(struct check *check, const struct candidates *count, const char *why)
{
    char line[128];
    struct text text = text_in(line, sizeof line);
    if (count->alive || check->is_in_doubt)
        return cannot_tell(check, why);
    if (check->expect >= 0 && (uint64_t)check->expect == count->unjoined)
        return 0;
    text_add_number(&text, count->unjoined);
    text_add(&text, count->unjoined == 1 ? " leaked thread" : " leaked threads");
    text_add(&text, ", finished and never joined; plain report, since ");
    say(check, line, why);
    return number_of(check->expect < 0 ? count->unjoined
                                       : distance(count->unjoined, (uint64_t)check->expect));
}

static int found_none(struct check *check)
{
    return check->expect <= 0 ? 0 : found_too_few(check);
}

/* There is no engine. No rule could be applied, so that only unjoined threads are leaks for certain. */
static int plain(struct check *check, const char *why)
{
    if (check->request->holds)
        return cannot_tell(check, why);
    struct candidates count = candidates_count(&check->selection);
    int result = plain_result(check, &count, why);
    if (result && !(check->how.flags & THREADLEAK_QUIET) && count.alive + count.unjoined)
        report_leaks(&check->selection, check->title);
    return result;
}

/* ---- the fast way -----------------------------------------------------------------------------------*/

static bool has_doubts(void)
{
    const struct threadleak_registry *registry = &threadleak_registry;
    const uint32_t flags = THREADLEAK_REGISTRY_SECOND_COPY;
    return registry->records.dropped | registry->unseen_ends | registry->lost_facts |
           (registry->flags & flags);
}

/* What the kernel has and the registry has not is said once; a strict check cannot tell because of it. */
static bool is_incomplete(const struct check *check)
{
    static uint32_t said;
    bool is_strict = check->how.flags & THREADLEAK_STRICT;
    if (!is_strict && (check->selection.scope || __atomic_load_n(&said, __ATOMIC_RELAXED)))
        return false;
    int64_t untracked = candidates_untracked(check->selection.self);
    if (untracked > 0 && !is_strict && !__atomic_exchange_n(&said, 1, __ATOMIC_RELAXED)) {
        struct log log;
        log_begin(&log);
        log_text(&log, "threadleak: note: ");
        log_number(&log, (uint64_t)untracked);
        log_text(&log, untracked == 1 ? " thread of this process is" : " threads of this process are");
        log_text(&log, " not known to the library; checks do not see what it does not know\n");
        log_end(&log);
    }
    return is_strict && untracked != 0;
}

/* Whether nothing is left that a rule or time would have to decide. */
static bool is_clean(struct check *check)
{
    if (!candidates_none(&check->selection))
        return false;
    check->is_in_doubt = has_doubts() || is_incomplete(check);
    return !check->is_in_doubt;
}

/* ---- the slow way -----------------------------------------------------------------------------------*/

/* An engine that could not look at the process has nothing to say against its marks. */
static bool marks_are_enough(struct check *check)
{
    trust_marks(check);
    return is_clean(check);
}

static int answered(struct check *check, const struct engine_answer *answer)
{
    if (!answer->is_classified && marks_are_enough(check))
        return found_none(check);
    if (!answer->has_answered)
        return plain(check, answer->why.start);
    if (answer->why.length)
        return cannot_tell(check, answer->why.start);
    return number_of(answer->leaked);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void start_engine(const struct check *check, struct wait *wait)
{
    const struct engine_task task = {
        .request = check->request,
        .title = check->title,
        .rules = check->how.rules,
        .flags = check->how.flags,
        .self = thread_id(),
        .expect = check->expect,
    };
    wait->answer =
        (struct engine_answer){.message = check->message, .why = text_in(wait->why, sizeof wait->why)};
    engine_start(&task, &wait->answer);
}

static bool are_gone(struct check *check, struct wait *wait)
{
    uint32_t events = settle_events();
    if (check->is_in_doubt || (wait->remaining && events - wait->counted_at < wait->remaining))
        return false;
    if (is_clean(check))
        return true;
    struct candidates count = candidates_count(&check->selection);
    wait->counted_at = events;
    wait->remaining = count.alive + count.unjoined;
    return false;
}

/* Where the engine finds no leak, what it expects is marked. */
static void hear(struct check *check, struct wait *wait)
{
    engine_listen();
    if (!check->selection.sees_expected || !wait->answer.is_classified || wait->answer.left)
        return;
    trust_marks(check);
    wait->remaining = 0;
}

/* Nothing but the report is left to do. */
static bool is_time_for_report(const struct check *check, const struct wait *wait, uint64_t now)
{
    const struct engine_answer *answer = &wait->answer;
    if (!wait->has_engine)
        return now >= wait->deadline + TURN_NS;
    return now >= wait->deadline || (check->is_in_doubt && !wait->remaining) ||
           (answer->is_classified && !answer->left) || answer->has_answered;
}

/* Lets threads end, and the engine classify them meanwhile. True: all are gone. */
static bool settle(struct check *check, struct wait *wait)
{
    bool gone = false;
    settle_enter();
    while (threadleak_registry.fork_generation == check->generation) {
        uint32_t seen = settle_events();
        uint64_t now = settle_now();
        if (!wait->has_engine && now >= wait->start_at && (wait->has_engine = engine_take()))
            start_engine(check, wait);
        if (wait->has_engine)
            hear(check, wait);
        if ((gone = are_gone(check, wait)) || is_time_for_report(check, wait, now))
            break;
        uint64_t until = wait->has_engine       ? wait->deadline
                         : now < wait->start_at ? wait->start_at
                                                : wait->deadline + TURN_NS;
        if (wait->has_engine && !wait->answer.is_classified && !wait->answer.is_over)
            until = earlier(until, now + LISTEN_NS);
        settle_wait(seen, until);
    }
    if (threadleak_registry.fork_generation == check->generation)
        settle_leave();
    return gone;
}

static int slow(struct check *check)
{
    uint64_t now = settle_now(), patience = (uint64_t)check->how.settle_ms * MS;
    struct wait wait = {.deadline = now + patience};
    wait.start_at = now + (check->is_in_doubt ? 0 : earlier(patience, GRACE_NS));
    bool gone = settle(check, &wait);
    int result;
    if (threadleak_registry.fork_generation != check->generation)
        return cannot_tell(check, "a signal handler has forked this process during the check");
    if (!wait.has_engine && !gone)
        return cannot_tell(check, "another check of this process does not end");
    if (gone) {
        result = found_none(check);
    } else {
        if (check->request->holds)
            engine_hold();
        else
            engine_report();
        result = answered(check, &wait.answer);
    }
    if (check->request->holds && result > 0 && !gone)
        engine_keep();
    else if (wait.has_engine)
        engine_release(!gone);
    return result;
}

/* ---- both -------------------------------------------------------------------------------------------*/

static const char of_copy[] = "this process is a copy of another one, made by vfork or clone";

/* Why no check can be made here at all, or NULL. */
static const char *obstacle(void)
{
    if (__atomic_load_n(&threadleak_registry.flags, __ATOMIC_RELAXED) & THREADLEAK_REGISTRY_HOOKS_INACTIVE)
        return "the library was loaded too late, by dlopen: it does not see threads being created";
    if (thread.checking)
        return "this signal handler interrupts a check";
    return std_thread_unseen();
}

/* A frame of its own: a check that finds all clean needs little stack. */
__attribute__((noinline)) static int check_slowly(struct check *check)
{
    int cancel_state, saved = errno;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    thread.checking = 1;
    int result = slow(check);
    thread.checking = 0;
    errno = saved;
    pthread_setcancelstate(cancel_state, &cancel_state);
    return result;
}

/* By the pid, which costs a system call: a scope's check asks only when it finds something. */
static bool is_copy(void)
{
    return threadleak_registry.pid != (uint32_t)system_call(SYS_getpid);
}

bool verify_is_clean(const struct verify_request *request, bool counts)
{
    if (obstacle() || thread.expect || __atomic_load_n(&engine_is_left, __ATOMIC_RELAXED))
        return false;
    struct check check = begin(request);
    return candidates_none(&check.selection) && !has_doubts() && !(counts && is_incomplete(&check));
}

int verify(const struct verify_request *request)
{
    if (__builtin_expect(thread_was_forked(), 0))
        library_forked();
    struct check check = begin(request);
    const char *why = obstacle();
    if (!why && request->what != VERIFY_SCOPE && is_copy())
        why = of_copy;
    if (why)
        return cannot_tell(&check, why);
    if (__builtin_expect(__atomic_load_n(&engine_is_left, __ATOMIC_RELAXED), 0))
        engine_clear_away();
    check.expect = take_expectation(request);
    if (is_clean(&check))
        return found_none(&check);
    if (request->what == VERIFY_SCOPE && is_copy())
        return cannot_tell(&check, of_copy);
    return check_slowly(&check);
}

int verify_unable(const struct threadleak_options *how, const char *why)
{
    struct verify_request request = {.what = VERIFY_SINCE, .how = how};
    struct check check = begin(&request);
    return cannot_tell(&check, why);
}
