/* SPDX-License-Identifier: MIT
 *
 * arch.h - what differs from one architecture to the next: registers and the ABI. One file each:
 * arch_x86_64.c, arch_aarch64.c.
 */
#ifndef THREADLEAK_ARCH_H
#define THREADLEAK_ARCH_H

#include "source.h"

#define USER_REGISTERS_MAX 272 /* bytes of the largest elf_gregset_t */
#define SYSCALL_INSTRUCTION_MAX 4
#define CALL_INSTRUCTION_MAX 8
#define PROLOGUE_MAX 32

struct arch {
    uint16_t machine; /* EM_* */
    /* struct elf_prstatus of the target: its size, and where its registers (elf_gregset_t, which
     * PTRACE_GETREGSET gives too) lie in it. */
    uint32_t prstatus_size, prstatus_registers, registers_size;
    uint32_t register_count; /* DWARF numbers that the unwinder wants: 0 to register_count - 1 */
    int32_t sp, pc;          /* DWARF numbers; pc -1: none, it is kept apart (aarch64) */
    uint32_t syscall_size;   /* the instruction that enters the kernel, whose address is pc - syscall_size */
    uint8_t syscall_instruction[SYSCALL_INSTRUCTION_MAX];
    /* DWARF number of the register that holds the system call's number, valid only where the code says that
     * there is one; -1: decode() tells of itself. */
    int32_t syscall_register;
    /* The kernel steps pc back onto that instruction before a debugger or a core sees the thread, where the
     * call is one that is begun anew after a signal. */
    bool steps_back;
    bool descriptor_in_front; /* of the thread pointer: glibc's pthread_t is another address */
    /* From elf_gregset_t: all registers, and sp, pc, syscall (-1: in none, or none that can be told),
     * arguments and pthread (where the registers hold it) of the thread. `state` stays. */
    void (*decode)(const void *user_registers, struct registers *registers,
                   struct threadleak_probe_thread *thread);
    /* The reverse, for snapshots: fills elf_gregset_t; what is not known is 0. */
    void (*encode)(const struct registers *registers, const struct threadleak_probe_thread *thread,
                   void *user_registers);
    /* Whether the CALL_INSTRUCTION_MAX bytes in front of an address can end with a call. */
    bool (*is_after_call)(const uint8_t *code);
    /* Where a call in front of an address leads to, if its instruction says that; `code` as above. */
    bool (*call_target)(const uint8_t *code, uint64_t address, uint64_t *target);
    /* How far sp is below the frame pointer in the body of a function, by the PROLOGUE_MAX bytes that it
     * begins with, and how many of these are the prologue; 0: it keeps none as compilers do without
     * optimization, or, where this is NULL, frames are found without. */
    uint32_t (*prologue)(const uint8_t *code, uint64_t *below);
    int32_t frame_pointer; /* DWARF number */
};

const struct arch *arch_of(uint16_t machine); /* NULL: not known */
const struct arch *arch_native(void);         /* of this machine */

/* Sets state and syscall of a thread that stands still, after decode(). `code`: what memory holds from
 * pc - syscall_size on, as far as it can be read; 2 * syscall_size bytes are enough, 0 are allowed. ALIVE:
 * the registers alone do not tell, and the code is not there. */
void arch_set_state(const struct arch *arch, const struct registers *registers,
                    struct threadleak_probe_thread *thread, const uint8_t *code, size_t size);

extern const struct arch arch_x86_64, arch_aarch64;

#endif
