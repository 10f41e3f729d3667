/* SPDX-License-Identifier: MIT
 *
 * exit_socket.h - whoever started the program can look at it when it exits: it connects to the abstract Unix
 * socket that the option `exit_socket` names (unix(7), SOCK_SEQPACKET), sends the number of records that the
 * registry holds, its main thread's included, as a uint64_t, and waits until the other side closes. The
 * socket tells the pid (SO_PEERCRED).
 */
#ifndef THREADLEAK_EXIT_SOCKET_H
#define THREADLEAK_EXIT_SOCKET_H

/* The process exits. With a check at exit, at the end of each look that found something, and of the last one.
 * Without the option, or where nobody listens, nothing happens. */
void exit_socket_tell(void);

#endif
