/* SPDX-License-Identifier: MIT
 *
 * spawn.h - a program started so that the process that starts it does not see it: no SIGCHLD, nothing for its
 * waitpid(-1), nothing allocated; with SIGCHLD ignored, in fork children, under any signal mask, and where no
 * memory can be mapped.
 *
 * Two processes share our memory until the program runs: the keeper, our child by clone(CLONE_VM) with exit
 * signal 0, which only __WALL waits for; and its child, which becomes the program. exec gives a child the
 * exit signal SIGCHLD (fs/exec.c: de_thread), and so does reparenting (kernel/exit.c: reparent_leader), which
 * would show it to a process that is init in its container or a subreaper. Therefore the keeper stays, with
 * no descriptors and all signals blocked, reaps the program when it ends, and ends it when we close the
 * connection or are gone.
 */
#ifndef THREADLEAK_SPAWN_H
#define THREADLEAK_SPAWN_H

#include <stdbool.h>
#include <stdint.h>

#define SPAWN_PATHS 6
#define SPAWN_FD_IN 3 /* the connection, as the program finds it: twice the same socket */
#define SPAWN_FD_OUT 4

struct spawn_command {
    const char *paths[SPAWN_PATHS + 1]; /* the first of them that exists is executed; NULL ends */
    char *const *arguments;
    char *const *environment;
    const char *output; /* file that standard output is appended to; NULL: standard error's */
};

/* Starts it, in memory that is all static: `command` and what it refers to must stay until it is reaped.
 * Returns our end of the connection, a stream socket, or -ERRNO. One program at a time. */
int spawn_start(const struct spawn_command *command);

/* Starts it and waits until it ends, or so long. It is told nothing, and says nothing on the connection.
 * Whether it ran and ended; the last program must have been reaped. */
bool spawn_run(const struct spawn_command *command, uint64_t patience_ns);

/* The errno with which the program could not be executed, 0: it could, or it is not known yet. Known for
 * certain once the connection is closed by the other side. */
int spawn_error(void);

/* Closes the connection, and so ends the program if it has not ended. */
void spawn_close(void);

/* Whether the program may go on by itself once the connection is closed or we are gone. Until it has ended,
 * or this is taken back, its keeper stays. */
void spawn_outlive(bool may);

/* Whether our end of the connection is still the descriptor that it was: whoever closes all descriptors
 * closes it too, and the number may be another file's by now. */
bool spawn_is_connected(void);

/* After that: clears away what is left of it. False: it has not ended yet, and is not waited for. */
bool spawn_reap(bool waits);

/* In a fork child: it has a copy of our end of the connection, and no program. */
void spawn_fork_child(void);

#endif
