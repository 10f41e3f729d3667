/* SPDX-License-Identifier: MIT
 *
 * stop.h - a process that stands still: all its threads held by PTRACE_SEIZE and PTRACE_INTERRUPT, ptrace(2).
 * A thread of our own is the tracer. Whatever it did not let go itself the kernel lets go when that thread
 * ends, and so when we are killed: nothing of the process stays stopped, and a process that was stopped by
 * SIGSTOP before stays so. A signal that came meanwhile is delivered when the thread goes on.
 */
#ifndef THREADLEAK_STOP_H
#define THREADLEAK_STOP_H

#include <stdint.h>

struct stop;

/* `task`: the open folder /proc/PID/task. NULL: an error is set, and the process goes on. */
struct stop *stop_process(int pid, int task);

/* The threads that there are; their ids in our PID namespace. */
uint32_t stop_count(const struct stop *stop);
uint32_t stop_tid(const struct stop *stop, uint32_t index);

/* Its elf_gregset_t, or NULL: it cannot be held, since it waits where no signal reaches it (vfork, a disk).
 */
const void *stop_registers(const struct stop *stop, uint32_t index);

/* Lets it go on, and frees `stop`. Nanoseconds from the first thread that was interrupted to the last one
 * that was let go. */
uint64_t stop_end(struct stop *stop);

#endif
