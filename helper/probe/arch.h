/* SPDX-License-Identifier: MIT
 *
 * arch.h - what differs from one architecture to the next: registers and the ABI. One file each:
 * arch_x86_64.c, arch_aarch64.c.
 */
#ifndef THREADLEAK_ARCH_H
#define THREADLEAK_ARCH_H

#include "source.h"

struct arch {
    uint16_t machine; /* EM_* */
    /* struct elf_prstatus of the target: its size, and where its registers (elf_gregset_t, which
     * PTRACE_GETREGSET gives too) lie in it. */
    uint32_t prstatus_size, prstatus_registers, registers_size;
    uint32_t register_count; /* DWARF numbers that the unwinder wants: 0 to register_count - 1 */
    int32_t sp, pc;          /* DWARF numbers; pc -1: none, it is kept apart (aarch64) */
    uint32_t syscall_size;   /* the instruction that enters the kernel, whose address is pc - syscall_size */
    uint8_t syscall_instruction[4];
    /* From elf_gregset_t: all registers, and sp, pc, syscall (-1: in none, or none that can be told),
     * arguments and pthread (where the registers hold it) of the thread. `state` stays. */
    void (*decode)(const void *user_registers, struct registers *registers,
                   struct threadleak_probe_thread *thread);
    /* The reverse, for snapshots: fills elf_gregset_t; what is not known is 0. */
    void (*encode)(const struct registers *registers, const struct threadleak_probe_thread *thread,
                   void *user_registers);
};

const struct arch *arch_of(uint16_t machine); /* NULL: not known */
const struct arch *arch_native(void);         /* of this machine */

extern const struct arch arch_x86_64, arch_aarch64;

#endif
