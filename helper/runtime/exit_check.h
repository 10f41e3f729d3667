/* SPDX-License-Identifier: MIT
 *
 * exit_check.h - the check at exit: whether threads leaked, before any exit handler or static destructor
 * runs.
 *
 * Destroying what a leaked thread still uses is how programs crash or hang as they exit; so the check comes
 * first. It flushes nothing: what the program has not written yet is written later by exit itself, as without
 * us, and the report comes before it. Once in a process; a fork child is a process of its own, a copy made by
 * vfork, _Fork or clone is none.
 */
#ifndef THREADLEAK_EXIT_CHECK_H
#define THREADLEAK_EXIT_CHECK_H

#include <stdbool.h>

/* Once the options are read and the registry is there. */
void exit_check_init(void);

/* Whether this program is checked at its exit: the option at_exit says so. */
bool exit_check_wanted(void);

/* The process is about to exit with `status`: returns the one that it is to exit with instead. The first call
 * checks; a call on another thread waits for that; in a signal handler that interrupted the check it cannot
 * be told. */
int exit_check(int status);

/* Whether the check is under way on the calling thread or another one. */
bool exit_check_runs(void);

#endif
