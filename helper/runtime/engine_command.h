/* SPDX-License-Identifier: MIT
 *
 * engine_command.h - what is executed for a check: where the command `threadleak` is, its arguments, and an
 * environment without what was meant for the watched program. All in static memory, for one check at a time.
 */
#ifndef THREADLEAK_ENGINE_COMMAND_H
#define THREADLEAK_ENGINE_COMMAND_H

#include <stdbool.h>

#include "spawn.h"
#include "verify.h"

/* What the engine is to check, and how. */
struct engine_task {
    const struct verify_request *request;
    const char *title;
    const char *rules; /* of this check, or NULL */
    uint32_t flags;    /* THREADLEAK_ALLOW_DETACHED, ... */
    uint64_t self;     /* id of the calling thread, 0: it has no record */
    int64_t expect;    /* number of leaks that were announced, -1: nothing was */
};

/* Called once, when the library starts: notes where it lies. */
void engine_command_init(void);

/* The command for this task; it must be done with before the next one is asked for. NULL: it needs more room
 * than there is. */
const struct spawn_command *engine_command(const struct engine_task *task);

/* The command that prints the stacks of all threads; the same holds for it. */
const struct spawn_command *engine_command_stacks(void);

/* The command that writes the events as a trace to the file that the option `trace` names. */
const struct spawn_command *engine_command_trace(void);

/* Where it was looked for, to be shown where it could not be executed: the first place, or the option's. */
const char *engine_command_path(void);

#endif
