/* SPDX-License-Identifier: MIT
 *
 * snapshot_memory.h - which memory of a process a small core has to hold so that debuggers find its modules,
 * threads and data: not the heap, not the unused part of stacks, not what the modules' files hold as well.
 */
#ifndef THREADLEAK_SNAPSHOT_MEMORY_H
#define THREADLEAK_SNAPSHOT_MEMORY_H

#include "pieces.h"
#include "process.h"
#include "procfs.h"
#include "source.h"

/* The used part of a thread's stack, with its descriptor: end of it, 0: there is none. `*start`: its
 * beginning, with the 128 bytes below sp that a function may use on x86-64. */
uint64_t snapshot_stack(const struct regions *regions, const struct threadleak_probe_thread *thread,
                        uint64_t *start);

/* Adds data of modules, what the dynamic linker keeps, descriptors of finished threads, the vDSO. `pagemap`:
 * /proc/PID/pagemap, or -1. */
void snapshot_add_process(struct source *source, const struct process *process, int pagemap,
                          const struct regions *regions, struct pieces *pieces);

/* Adds the thread's descriptor with the thread-local storage around it, and what the arguments of its system
 * call point to: the lock, say, that it waits for. */
void snapshot_add_thread(const struct regions *regions, const struct threadleak_probe_thread *thread,
                         struct pieces *pieces);

#endif
