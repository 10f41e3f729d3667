/* SPDX-License-Identifier: MIT
 *
 * dying.h - ends of the process that no exit handler sees: death by SIGTERM, and by a timeout.
 *
 * Both are signal handlers of ours, set where the action is the default one when the library starts: a
 * handler that the program sets, earlier or later, comes instead. What they call takes no lock, calls no
 * malloc, and knows when it interrupted itself; so they may run at any instruction.
 */
#ifndef THREADLEAK_DYING_H
#define THREADLEAK_DYING_H

/* Once the options are read: the option sigterm, where exits are checked or traced; and the option timeout.
 */
void dying_init(void);

/* A fork child has no timer (timer_create(2)), and gets its own. */
void dying_fork_child(void);

#endif
