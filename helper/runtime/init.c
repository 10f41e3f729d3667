/* SPDX-License-Identifier: MIT */
#include "init.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "clock.h"
#include "descriptor.h"
#include "dying.h"
#include "engine.h"
#include "exit_check.h"
#include "exit_socket.h"
#include "exit_trace.h"
#include "expected.h"
#include "log.h"
#include "modules.h"
#include "options.h"
#include "real.h"
#include "registry.h"
#include "result_socket.h"
#include "settle.h"
#include "start_folder.h"
#include "start_main.h"
#include "thread.h"

enum { UNBORN, STARTING, READY, PASSIVE };
static uint32_t stage;

/* At once: where several threads have called exit, each takes handlers from libc's list, and ends the process
 * when none is left, although another one may still be in the last of them. Each that finds one of ours
 * waits. */
#define THREADS_THAT_EXIT 8

void library_forked(void)
{
    if (__atomic_load_n(&stage, __ATOMIC_RELAXED) != READY || threadleak_registry.pid == (uint32_t)getpid())
        return;
    threads_fork_child();
    expected_fork_child();
    settle_fork_child();
    engine_fork_child();
    dying_fork_child();
}

/* The check of exits that no wrapper saw begins here. */
static void at_exit(int status, void *unused)
{
    (void)unused;
    exit_check_begin(status);
    const uint32_t exiting = THREADLEAK_REGISTRY_EXITING;
    bool is_first = !(__atomic_fetch_or(&threadleak_registry.flags, exiting, __ATOMIC_RELEASE) & exiting);
    if (is_first && !exit_check_wanted())
        exit_socket_tell();
}

static void at_end(int status, void *unused)
{
    (void)unused;
    int checked = exit_check_end(status);
    exit_trace_write();
    if (checked != status)
        exit_really(checked);
}

/* The status stays what quick_exit was called with, if that was not 0. */
static void at_quick_end(void)
{
    int status = exit_check_end_quickly();
    exit_trace_write();
    if (status)
        quick_exit_really(status);
}

void library_watch_end(void)
{
    for (int i = 0; i < THREADS_THAT_EXIT; i++) {
        on_exit(at_end, NULL);
        if (at_quick_exit(at_quick_end))
            return; /* no memory: as many as there are */
    }
}

void library_watch_exit_again(void)
{
    on_exit(at_exit, NULL);
}

void library_watch_exit(void)
{
    static uint32_t watched;
    if (!__atomic_load_n(&watched, __ATOMIC_RELAXED) && !__atomic_exchange_n(&watched, 1, __ATOMIC_RELAXED))
        library_watch_exit_again();
    if (exit_check_wanted() && !exit_check_is_disarmed())
        result_creates();
}

/* Another registry in the process, which the dynamic linker finds before ours: both then see each creation
 * that passes through both, and readers merge them. The exit is left to
 * that one. */
static bool notice_other_copy(void)
{
    struct threadleak_registry *other = real_symbol(RTLD_DEFAULT, "threadleak_registry");
    if (!other || other == &threadleak_registry || other->self != (uintptr_t)other)
        return false;
    threadleak_registry.flags |= THREADLEAK_REGISTRY_SECOND_COPY;
    log_note("another copy of the library is in this process; remove one of them "
             "(linked in and preloaded?)");
    return true;
}

/* What nearly every creation stack needs, while nothing (a seccomp filter, a small stack) is in the way. */
static void enter_first_modules(void)
{
    uint16_t index;
    module_of((uintptr_t)pthread_self, &index);
    module_of(getauxval(AT_ENTRY), &index);
}

static void start(void)
{
    int saved = errno;
    thread.starting = 1;
    start_folder_init();
    options_read();
    real_init();
    bool is_first = registry_init();
    if (is_first) {
        if (!real_is_interposed())
            threadleak_registry.flags |= THREADLEAK_REGISTRY_HOOKS_INACTIVE;
        if (!notice_other_copy())
            exit_check_init();
        exit_trace_init();
        enter_first_modules();
        engine_command_init();
        threads_init();
        descriptors_init();
        thread_begin_main();
        pthread_atfork(NULL, NULL, library_forked);
    } else {
        log_note("another copy of the library is in this process; this one stays passive");
    }
    clock_compare();
    thread.starting = 0;
    errno = saved;
    __atomic_store_n(&stage, is_first ? READY : PASSIVE, __ATOMIC_RELEASE);
}

bool library_ready(void)
{
    uint32_t now = __atomic_load_n(&stage, __ATOMIC_ACQUIRE);
    if (__builtin_expect(now == READY, 1))
        return true;
    if (now == UNBORN &&
        __atomic_compare_exchange_n(&stage, &now, STARTING, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
        start();
    /* Only a thread that no wrapper of ours created can meet another one in there. */
    while ((now = __atomic_load_n(&stage, __ATOMIC_ACQUIRE)) == STARTING && !thread.starting)
        sched_yield();
    return now == READY;
}

__attribute__((constructor)) static void at_load(void)
{
    /* Who waits to be told hears of processes without any creation too. */
    if (!library_ready())
        return;
#ifndef THREADLEAK_WRAP
    if (exit_check_wanted() || exit_trace_wanted())
        library_watch_end();
#endif
    if (options.exit_socket[0] || exit_check_wanted())
        library_watch_exit_again();
    if (exit_check_wanted())
        result_begun();
    dying_init();
}
