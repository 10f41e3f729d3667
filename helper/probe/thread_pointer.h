/* SPDX-License-Identifier: MIT
 *
 * thread_pointer.h - glibc's pthread_t from the thread pointer. On x86-64 they are the same; on aarch64
 * struct pthread lies in front of what the thread pointer points at (TLS_PRE_TCB_SIZE and THREAD_SELF in
 * sysdeps/aarch64/nptl/tls.h), and its size differs from version to version: glibc keeps it in a word of its
 * own for debuggers (nptl_db/structs.def).
 */
#ifndef THREADLEAK_THREAD_POINTER_H
#define THREADLEAK_THREAD_POINTER_H

#include "probe.h"

/* Of a core that was just opened: what its source has as thread pointers becomes pthread_t, or 0, not known.
 */
void thread_pointers_to_pthreads(struct threadleak_probe *probe);

#endif
