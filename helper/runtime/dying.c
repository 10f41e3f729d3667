/* SPDX-License-Identifier: MIT */
#include "dying.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "candidates.h"
#include "engine.h"
#include "exit_check.h"
#include "exit_trace.h"
#include "log.h"
#include "only.h"
#include "options.h"
#include "registry.h"
#include "report.h"
#include "result_socket.h"
#include "settle.h"
#include "system_call.h"

#define STATUS_OF_SIGNAL 128 /* added to its number, as shells do */
#define AGAIN_S 1            /* while a check is under way, which ends by itself */

/* Sets the handler if the action of `signal` is the default one. */
static bool handle(int signal, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, before;
    if (sigaction(signal, NULL, &before) || before.sa_flags & SA_SIGINFO || before.sa_handler != SIG_DFL)
        return false;
    sigfillset(&action.sa_mask);
    return sigaction(signal, &action, NULL) == 0;
}

/* As if no handler had been there. */
static void die_by(int signal)
{
    const struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t this_one;
    sigaction(signal, &action, NULL);
    sigemptyset(&this_one);
    sigaddset(&this_one, signal);
    system_call(SYS_tgkill, getpid(), system_call(SYS_gettid), signal);
    sigprocmask(SIG_UNBLOCK, &this_one, NULL);
}

/* ---- SIGTERM --------------------------------------------------------------------------------- */

static void on_sigterm(int signal)
{
    exit_check_end(STATUS_OF_SIGNAL + signal);
    exit_trace_write();
    die_by(signal);
}

/* ---- the timeout ----------------------------------------------------------------------------- */

static int time_signal; /* 0: none */
static int timer;

static void set_timer(uint32_t seconds)
{
    const struct itimerspec when = {.it_value = {.tv_sec = seconds}};
    system_call(SYS_timer_settime, timer, 0, &when, NULL);
}

/* Whether the engine has printed them. */
static bool print_stacks(void)
{
    const struct spawn_command *command = engine_command_stacks();
    if (!command->paths[0])
        return false;
    spawn_reap(true); /* the last one needs the same stack */
    return spawn_run(command, ENGINE_SILENCE_NS);
}

static void print_plainly(void)
{
    const struct selection all = {.first_id = 1};
    report_leaks(&all, "at the timeout");
}

static void say_that_it_is_over(char *reason, size_t size)
{
    struct text text = text_in(reason, size);
    struct log log;
    text_add(&text, "timed out after ");
    text_add_number(&text, options.timeout);
    text_add(&text, " s");
    log_begin(&log);
    log_text(&log, "threadleak: process ");
    log_number(&log, (uint64_t)getpid());
    log_text(&log, " ");
    log_text(&log, reason);
    log_text(&log, "; all its threads, and then SIGABRT:\n");
    log_end(&log);
}

/* A core file is what the timeout is for. */
static void allow_core(void)
{
    struct rlimit limit;
    if (system_call(SYS_prlimit64, 0, RLIMIT_CORE, NULL, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    system_call(SYS_prlimit64, 0, RLIMIT_CORE, &limit, NULL);
}

static void on_time(int signal)
{
    char reason[64];
    int saved = errno;
    (void)signal;
    if (threadleak_registry.pid != (uint32_t)getpid())
        return;
    if (exit_check_runs() || !engine_take()) {
        set_timer(AGAIN_S);
        errno = saved;
        return;
    }
    say_that_it_is_over(reason, sizeof reason);
    if (!print_stacks())
        print_plainly();
    result_checked(STATUS_OF_SIGNAL + SIGABRT, -1, reason);
    allow_core();
    die_by(SIGABRT);
}

static void start_timer(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = time_signal};
    if (time_signal && system_call(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) == 0)
        set_timer(options.timeout);
}

/* From the end of the range that libc leaves to programs, but not the last ones, which programs like. */
static int free_signal(void)
{
    for (int signal = SIGRTMAX - 3; signal > SIGRTMIN; signal--)
        if (handle(signal, on_time))
            return signal;
    log_note("no signal is free for the timeout");
    return 0;
}

/* ---------------------------------------------------------------------------------------------- */

void dying_init(void)
{
    int saved = errno;
    if (options.sigterm && (exit_check_wanted() || exit_trace_wanted()))
        handle(SIGTERM, on_sigterm);
    if (options.timeout && only_this_program()) {
        time_signal = free_signal();
        start_timer();
    }
    errno = saved;
}

void dying_fork_child(void)
{
    start_timer();
}
