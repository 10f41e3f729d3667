/* SPDX-License-Identifier: MIT */
#include "exit_trace.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "init.h"
#include "log.h"
#include "once.h"
#include "only.h"
#include "options.h"
#include "registry.h"
#include "under_valgrind.h"

static bool wanted;
static struct once written;

void exit_trace_init(void)
{
    wanted = options.trace[0] && threadleak_registry.events && only_this_program();
    if (options.trace[0] && !threadleak_registry.events)
        log_note("events=0 leaves nothing to write a trace of; leave that option out");
}

bool exit_trace_wanted(void)
{
    return wanted;
}

static const char *obstacle(const struct spawn_command *command)
{
    if (!command->paths[0])
        return "no trace: no engine is started in a setuid program";
    if (is_under_valgrind())
        return "no trace: no engine can be started under Valgrind";
    spawn_reap(true); /* the last one needs the same stack */
    if (spawn_run(command, ENGINE_SILENCE_NS))
        return NULL;
    return spawn_error() ? "no trace: the engine could not be started; the option engine says where it is"
                         : "no trace: the engine did not end in time";
}

static int write_trace(int unused)
{
    (void)unused;
    if (!engine_take()) {
        log_note("no trace: a check is under way on another thread");
        return 0;
    }
    const char *why = obstacle(engine_command_trace());
    engine_release(true);
    if (why)
        log_note(why);
    return 0;
}

void exit_trace_write(void)
{
    bool is_ours = wanted && library_ready() && threadleak_registry.pid == (uint32_t)getpid();
    if (!is_ours || (threadleak_registry.fork_generation && !strstr(options.trace, "%p")))
        return;
    int saved = errno, cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    once_do(&written, write_trace, 0, 0);
    pthread_setcancelstate(cancel, NULL);
    errno = saved;
}
