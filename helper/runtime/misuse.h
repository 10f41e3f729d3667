/* SPDX-License-Identifier: MIT
 *
 * misuse.h - a pthread_t that is used when it must not be: joined or detached a second time, joined by its
 * own thread, or no thread's at all.
 *
 * What libc does then is undefined: it may fail, hang, crash, or join another thread. So it is said before
 * the call, which is made nevertheless. Only what is certain is said, once for each place in the program; of
 * a thread whose pthread_t has a new owner already nothing is certain.
 */
#ifndef THREADLEAK_MISUSE_H
#define THREADLEAK_MISUSE_H

#include <pthread.h>
#include <stdint.h>

#include "thread.h"

enum misuse_use { MISUSE_JOIN, MISUSE_DETACH };

/* The program is about to join or detach `pthread`, at `pc`; `found` is what the registry knows of it. */
void misuse_look(enum misuse_use use, pthread_t pthread, struct thread_found found, uintptr_t pc);

/* The same for a join of a thread whose record says that another thread joins it. */
void misuse_look_at_joiner(pthread_t pthread, struct thread_found found, uintptr_t pc);

#endif
