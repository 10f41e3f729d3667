/* SPDX-License-Identifier: MIT */
#include "exit_check.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "exit_socket.h"
#include "init.h"
#include "only.h"
#include "options.h"
#include "registry.h"
#include "result_socket.h"
#include "threadleak.h"
#include "verify.h"

#define CANNOT_TELL_STATUS 2

static bool wanted;
static uint32_t is_disarmed;

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

/* ---- once in a process ----------------------------------------------------------------------- */

/* One word, since a signal handler may come at any instruction: whose process, by which thread, how far.
 * What another process left in it, across a fork, does not count. */
enum phase { NOT_YET, RUNS, DONE };
static uint64_t progress;
static int found; /* valid once it is DONE */

static uint64_t progress_word(uint32_t pid, uint32_t tid, enum phase phase)
{
    return (uint64_t)pid << 32 | tid << 2 | phase; /* PID_MAX_LIMIT is 2^22 (proc(5), pid_max) */
}

static enum phase phase_of(uint64_t word, uint32_t pid)
{
    return word >> 32 == pid ? (enum phase)(word & 3) : NOT_YET;
}

bool exit_check_runs(void)
{
    return phase_of(__atomic_load_n(&progress, __ATOMIC_ACQUIRE), (uint32_t)getpid()) == RUNS;
}

static void headline_only(char *message)
{
    message[strcspn(message, "\n")] = '\0';
}

/* The number of leaked threads, 0 if it was disarmed, or THREADLEAK_CANNOT_TELL. */
static int check(int status)
{
    char message[400] = "";
    struct threadleak_options how = THREADLEAK_OPTIONS_INIT;
    const struct verify_request request = {.what = VERIFY_EXIT, .id = 1, .how = &how};
    how.flags = options.allow == ALLOW_DETACHED ? THREADLEAK_ALLOW_DETACHED : 0;
    how.message = message;
    how.room = sizeof message;
    __atomic_fetch_or(&threadleak_registry.flags, THREADLEAK_REGISTRY_EXITING, __ATOMIC_RELEASE);
    bool skipped = __atomic_load_n(&is_disarmed, __ATOMIC_RELAXED);
    int leaked = skipped ? 0 : verify(&request);
    headline_only(message);
    result_checked(status, leaked, skipped ? "disarmed by the program" : message);
    exit_socket_tell();
    return leaked;
}

static void pause_briefly(void)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};
    syscall(SYS_nanosleep, &millisecond, NULL);
}

/* What the one check of this process finds. */
static int check_once(int status)
{
    uint32_t pid = (uint32_t)getpid(), tid = (uint32_t)syscall(SYS_gettid);
    uint64_t now = __atomic_load_n(&progress, __ATOMIC_ACQUIRE);
    while (phase_of(now, pid) == NOT_YET) {
        if (!__atomic_compare_exchange_n(&progress, &now, progress_word(pid, tid, RUNS), 0, __ATOMIC_ACQUIRE,
                                         __ATOMIC_ACQUIRE))
            continue;
        found = check(status);
        __atomic_store_n(&progress, progress_word(pid, tid, DONE), __ATOMIC_RELEASE);
        return found;
    }
    while (phase_of(now, pid) == RUNS) {
        if (now == progress_word(pid, tid, RUNS))
            return THREADLEAK_CANNOT_TELL;
        pause_briefly();
        now = __atomic_load_n(&progress, __ATOMIC_ACQUIRE);
    }
    return found;
}

/* ---- the status ------------------------------------------------------------------------------ */

static int status_after(int status, int leaked)
{
    const int seen = status & 0xff; /* by whoever waits (man 3 exit) */
    if (seen || leaked == 0 || options.at_exit == AT_EXIT_REPORT)
        return status;
    return leaked > 0 ? (int)options.exitcode : CANNOT_TELL_STATUS;
}

/* Whether the process is the one that the registry is of. */
static bool is_ours(void)
{
    return library_ready() && threadleak_registry.pid == (uint32_t)getpid();
}

int exit_check(int status)
{
    if (!wanted || !is_ours())
        return status;
    int saved = errno, cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    status = status_after(status, check_once(status));
    pthread_setcancelstate(cancel, NULL);
    errno = saved;
    return status;
}
