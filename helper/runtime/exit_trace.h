/* SPDX-License-Identifier: MIT
 *
 * exit_trace.h - the option trace: as the process ends, the engine writes its events to a file, as
 * `threadleak trace` does. Whatever else happens at exit comes before, so that the trace has it. A process
 * that is killed or aborts leaves its events in the core. A fork child writes one of its own if the name has
 * a %p. Programs that one starts of another each write one: the engine makes a new file of what is there
 * already.
 */
#ifndef THREADLEAK_EXIT_TRACE_H
#define THREADLEAK_EXIT_TRACE_H

#include <stdbool.h>

/* Once the options are read and the registry is there. */
void exit_trace_init(void);

/* Whether one is wanted at all. */
bool exit_trace_wanted(void);

/* The process ends now. Once in a process; errno stays. */
void exit_trace_write(void);

#endif
