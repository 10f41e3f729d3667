/* SPDX-License-Identifier: MIT */
/* A leak of each class, on purpose: the control that proves that checks work in this process. */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "candidates.h"
#include "init.h"
#include "real.h"
#include "registry.h"
#include "scope.h"
#include "settle.h"
#include "system_call.h"
#include "text.h"
#include "thread.h"
#include "threadleak.h"
#include "verify.h"

#define MOST_NS 10000000000u /* for a thread to come to the state that it is meant for */
#define MESSAGE 256

enum { UNJOINED, OUTLIVED, STUCK, PLANTED };

/* On the stack of the thread that runs the test, which joins all of its threads before it returns. */
struct plants {
    pthread_t threads[PLANTED];
    unsigned count;
    uint32_t is_over;      /* a futex: 1 lets the blocked ones go */
    uint32_t arrived;      /* blocked, or about to be */
    pthread_mutex_t mutex; /* the test has it, and does not give it away before the end */
};

static void *finish(void *plants)
{
    return plants;
}

static void arrive(struct plants *plants)
{
    __atomic_fetch_add(&plants->arrived, 1, __ATOMIC_SEQ_CST);
    settle_happened();
}

static void *outlive(void *argument)
{
    struct plants *plants = argument;
    arrive(plants);
    while (!__atomic_load_n(&plants->is_over, __ATOMIC_ACQUIRE))
        system_call(SYS_futex, &plants->is_over, FUTEX_WAIT_PRIVATE, 0, NULL);
    return NULL;
}

static void *get_stuck(void *argument)
{
    struct plants *plants = argument;
    arrive(plants);
    pthread_mutex_lock(&plants->mutex);
    pthread_mutex_unlock(&plants->mutex);
    return NULL;
}

/* Through libc's names, as the program does: what the test proves includes our wrappers. */
static bool plant(struct plants *plants)
{
    static void *(*const starts[PLANTED])(void *) = {
        [UNJOINED] = finish, [OUTLIVED] = outlive, [STUCK] = get_stuck};
    pthread_mutex_init(&plants->mutex, NULL);
    pthread_mutex_lock(&plants->mutex);
    for (; plants->count < PLANTED; plants->count++)
        if (pthread_create(&plants->threads[plants->count], NULL, starts[plants->count], plants))
            return false;
    return true;
}

static void clean_up(struct plants *plants)
{
    pthread_mutex_unlock(&plants->mutex);
    __atomic_store_n(&plants->is_over, 1, __ATOMIC_RELEASE);
    system_call(SYS_futex, &plants->is_over, FUTEX_WAKE_PRIVATE, INT_MAX);
    for (unsigned i = 0; i < plants->count; i++)
        pthread_join(plants->threads[i], NULL);
    pthread_mutex_destroy(&plants->mutex);
}

/* Waits until the threads are what they are planted for, in the eyes of the registry. */
static bool are_ripe(const struct plants *plants, threadleak_scope_t scope)
{
    struct selection selection = {.scope = scope_hold(scope), .first_id = 1, .self = thread_record()};
    uint64_t until = settle_now() + MOST_NS;
    bool ripe = false;
    settle_enter();
    while (selection.scope && !ripe && settle_now() < until) {
        uint32_t events = settle_events();
        struct candidates count = candidates_count(&selection);
        ripe = count.unjoined >= 1 && count.alive >= PLANTED - 1 && /* a sanitizer adds its own */
               __atomic_load_n(&plants->arrived, __ATOMIC_SEQ_CST) == PLANTED - 1;
        if (!ripe)
            settle_wait(events, until);
    }
    settle_leave();
    scope_drop(selection.scope);
    return ripe;
}

/* NULL: all is well. Else what is in the way, perhaps in `message`. */
static const char *run(struct plants *plants, char *message, const char *rules)
{
    struct threadleak_options how = THREADLEAK_OPTIONS_INIT;
    threadleak_scope_t scope = threadleak_scope_begin_("threadleak selftest");
    if (!scope)
        return "no scope could be begun: out of memory";
    how.flags = THREADLEAK_QUIET;
    how.settle_ms = 0;
    how.message = message;
    how.room = MESSAGE;
    how.rules = rules;
    scope_announce(scope, PLANTED);
    const char *obstacle = NULL;
    if (!plant(plants))
        obstacle = "a thread could not be created";
    else if (!are_ripe(plants, scope))
        obstacle = "the planted threads do not show in the registry as they should";
    if (obstacle) {
        threadleak_scope_end_(scope);
        return obstacle;
    }
    int off = threadleak_scope_verify_(scope, &how);
    if (off == 0)
        return NULL;
    message[strcspn(message, "\n")] = '\0'; /* the headline says it */
    return message[0] ? message : "the check found another number of leaks than were planted";
}

static void say(const struct threadleak_options *how, const char *obstacle)
{
    bool has_message = how && how->size >= offsetof(struct threadleak_options, rules) && how->message;
    struct text text = text_in(has_message ? how->message : NULL, has_message ? how->room : 0);
    if (obstacle) {
        text_add(&text, "selftest: ");
        text_add(&text, obstacle);
    }
}

EXPORT int threadleak_selftest_(const struct threadleak_options *how)
{
    char message[MESSAGE] = "";
    struct plants plants = {.count = 0};
    int cancel_state, saved = errno;
    if (!library_ready()) {
        __typeof__(threadleak_selftest_) *active = active_copy("threadleak_selftest_");
        return active ? active(how) : verify_unable(how, "this copy of the library is passive");
    }
    bool has_rules = how && how->size >= sizeof *how;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    const char *obstacle = run(&plants, message, has_rules ? how->rules : NULL);
    clean_up(&plants);
    pthread_setcancelstate(cancel_state, &cancel_state);
    say(how, obstacle);
    errno = saved;
    return obstacle ? THREADLEAK_CANNOT_TELL : 0;
}
