/* SPDX-License-Identifier: MIT
 *
 * access.h - why a process cannot be looked at, and what to do about it: ptrace(2), "Ptrace access mode
 * checking", proc(5) on hidepid.
 */
#ifndef THREADLEAK_ACCESS_H
#define THREADLEAK_ACCESS_H

/* Sets the error (error.h) for `error`, an errno that opening, reading or tracing process `pid` gave. */
void access_explain(int pid, int error);

/* Sets the error and returns true where a debugger traces thread `tid` of the process. */
int access_is_traced(int pid, int tid);

#endif
