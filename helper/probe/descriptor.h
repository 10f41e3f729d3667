/* SPDX-License-Identifier: MIT
 *
 * descriptor.h - the thread pointer, which glibc's pthread_t is, of a thread whose registers cannot be read.
 * On x86-64 a thread's descriptor begins with a word that holds its own address, which is repeated 16 bytes
 * on (tcbhead_t.tcb and .self, sysdeps/x86_64/nptl/tls.h), and 512 to 1,024 bytes behind that it holds the
 * thread's own id (struct pthread.tid: 720 in glibc 2.36). Only where exactly one place looks so it is taken.
 * Elsewhere, and without glibc: 0.
 */
#ifndef THREADLEAK_DESCRIPTOR_H
#define THREADLEAK_DESCRIPTOR_H

#include "procfs.h"
#include "source.h"

/* Of a thread whose stack pointer is `sp`: pthread_create puts the descriptor on top of the stack
 * (allocate_stack of nptl/allocatestack.c), so the last page of the mapping is read, and if it is not there
 * what lies above sp. */
uint64_t descriptor_of_stack(struct source *source, const struct regions *regions, uint64_t sp,
                             uint32_t own_tid);

/* Of the thread that runs main: the dynamic linker maps some memory for it, below itself and so above all
 * that is mapped later (init_tls of elf/rtld.c). `linker`: an address in the dynamic linker. */
uint64_t descriptor_of_main(struct source *source, const struct regions *regions, uint64_t linker,
                            uint32_t own_tid);

#endif
