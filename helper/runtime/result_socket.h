/* SPDX-License-Identifier: MIT
 *
 * result_socket.h - whoever started the program (`threadleak run`) hears of the checks at exit in it and in
 * whatever it starts, from datagrams to the Unix socket (unix(7), SOCK_DGRAM) that the option `result_socket`
 * names, FOLDER/NAME-N: first to the abstract one NAME-N, then, if it is not reached, to the file. N is the
 * number of the listener's network namespace (namespaces(7)); without a slash there is no file. A datagram is
 * a few words, each ended by a zero byte:
 *
 *   begun program=PATH name=NAME
 *
 * a program that is to be checked has been started, by exec; the kernel's name for it, which is that of the
 * file executed;
 *
 *   creates program=PATH command=WORDS
 *
 * it, or a fork child, creates its first thread: only now is it of interest whether its end is checked;
 *
 *   unchecked program=PATH reason=TEXT
 *
 * why it cannot be told, if nothing more is heard of it;
 *
 *   checked program=PATH ppid=N status=N leaked=N reason=TEXT
 *
 * it ends with that status of its own; leaked is what the check found, -1: cannot tell; reason is the
 * headline of the report, or why it cannot be told, or empty.
 *
 * The socket tells the pid, as the receiver sees it (SO_PASSCRED). A queue is short (10 datagrams unless
 * net.unix.max_dgram_qlen says more), so that a sender waits a little for room; a datagram lost is a check
 * that was not heard of. Without the option, or where nobody listens any more, nothing happens. A program
 * that reaches neither socket, and is not where the listener would be, is not known to it: its check cannot
 * tell.
 */
#ifndef THREADLEAK_RESULT_SOCKET_H
#define THREADLEAK_RESULT_SOCKET_H

#include <stdbool.h>

/* At load, if the program is to be checked at its exit. */
void result_begun(void);

/* Called at each creation; the first one in a process is told. Takes no room on the stack, as far as it can.
 */
void result_creates(void);

/* Whether a check at its exit is awaited: it has told that it creates threads. */
bool result_is_awaited(void);

/* Its exit may end without a check, or without the end of one: why, and what follows. False, here and below:
 * it creates threads, and whoever listens has heard of neither that nor this. */
bool result_unchecked(const char *why, const char *headline);

/* After the check at exit. */
bool result_checked(int status, int leaked, const char *reason);

#endif
