/* SPDX-License-Identifier: MIT
 *
 * exit_check.h - the check at exit: whether threads leaked. It looks twice.
 *
 * First before any exit handler or static destructor runs: destroying what a leaked thread still uses is how
 * programs crash or hang as they exit. It lets threads end, and has the report made and held back (held.h).
 * Then after all of them: threads that a destructor has ended and joined did not leak, the report on the
 * others is printed, and the exit status is decided. If the program does not come so far, the engine prints
 * what it holds.
 *
 * It flushes nothing: what the program has not written yet is written later by exit itself, as without us,
 * and the report comes before it. Once in a process; a fork child is a process of its own, a copy made by
 * vfork, _Fork or clone is none.
 */
#ifndef THREADLEAK_EXIT_CHECK_H
#define THREADLEAK_EXIT_CHECK_H

#include <stdbool.h>

/* Once the options are read and the registry is there. */
void exit_check_init(void);

/* Whether this program is checked at its exit: the option at_exit says so. */
bool exit_check_wanted(void);

/* Whether the program says that it is not to be checked (threadleak_disarm). */
bool exit_check_is_disarmed(void);

/* The exit begins: the first look, with the status that is asked for. The first call looks; a call on another
 * thread waits for that. */
void exit_check_begin(int status);

/* The process ends now, with `status`: returns the one that it is to end with instead. The second look, and
 * the first one if there was none. In a signal handler that interrupted one it cannot be told. */
int exit_check_end(int status);

/* The same where no status is told: the one that exit_check_begin was told last. */
int exit_check_end_quickly(void);

/* The process ends now, by _exit. If its exit was under way, this is the end of it; else nothing is checked,
 * and whoever waits for the result hears whether there was anything to check. Async-signal-safe. */
int exit_check_cut(int status);

/* Whether one of its looks is under way on the calling thread or another one. */
bool exit_check_runs(void);

#endif
