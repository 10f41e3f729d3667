/* SPDX-License-Identifier: MIT
 *
 * arch_aarch64.c - Linux on aarch64. Sources: struct user_pt_regs of Linux, arch/arm64/include/uapi/asm/
 * ptrace.h, which elf_gregset_t is; DWARF for the Arm 64-bit architecture, 4.1; syscall(2); do_signal in
 * arch/arm64/kernel/signal.c.
 *
 * No register says whether a thread is in a system call; x8 holds the number if it is, which the code at pc
 * tells. The note NT_ARM_SYSTEM_CALL is no help: do_signal forgets the number before a core is written. It
 * also puts pc back onto `svc 0` and x0 back to the first argument where the call is to begin anew; where it
 * is not (epoll_wait, for one), pc is behind and x0, our first argument then, is the result.
 * The thread pointer is no general register: the note NT_ARM_TLS has it.
 */
#include <elf.h>
#include <string.h>

#include "arch.h"

enum { X8 = 8, SP = 31, PC = 32, PSTATE = 33, REGISTERS = 34 };
enum { DWARF_COUNT = 32 }; /* x0 to x30 and sp, in the order of user_pt_regs */

static void decode(const void *user_registers, struct registers *registers,
                   struct threadleak_probe_thread *thread)
{
    uint64_t user[REGISTERS];
    memcpy(user, user_registers, sizeof user);
    memcpy(registers->value, user, DWARF_COUNT * sizeof *user);
    registers->known = (UINT64_C(1) << DWARF_COUNT) - 1;
    thread->sp = user[SP];
    thread->pc = user[PC];
    thread->syscall = -1;
    memcpy(thread->arguments, user, sizeof thread->arguments);
}

static void encode(const struct registers *registers, const struct threadleak_probe_thread *thread,
                   void *user_registers)
{
    uint64_t user[REGISTERS] = {0};
    if (thread->syscall >= 0) {
        memcpy(user, thread->arguments, sizeof thread->arguments);
        user[X8] = (uint64_t)thread->syscall;
    }
    user[SP] = thread->sp;
    user[PC] = thread->pc;
    for (unsigned i = 0; i < DWARF_COUNT; i++)
        if (registers->known >> i & 1)
            user[i] = registers->value[i];
    memcpy(user_registers, user, sizeof user);
}

/* bl; blr, and its kinds that authenticate the pointer. */
static bool is_after_call(const uint8_t *code)
{
    uint32_t call;
    memcpy(&call, code + CALL_INSTRUCTION_MAX - sizeof call, sizeof call);
    return (call & 0xfc000000) == 0x94000000 || (call & 0xfefff000) == 0xd63f0000;
}

const struct arch arch_aarch64 = {
    .machine = EM_AARCH64,
    .prstatus_size = 392,
    .prstatus_registers = 112,
    .registers_size = REGISTERS * sizeof(uint64_t),
    .register_count = DWARF_COUNT,
    .sp = SP,
    .pc = -1,
    .syscall_size = 4,
    .syscall_instruction = {0x01, 0x00, 0x00, 0xd4}, /* svc 0 */
    .syscall_register = X8,
    .steps_back = true,
    .descriptor_in_front = true,
    .decode = decode,
    .encode = encode,
    .is_after_call = is_after_call,
};

_Static_assert(REGISTERS * sizeof(uint64_t) <= USER_REGISTERS_MAX, "elf_gregset_t has room");
_Static_assert(DWARF_COUNT <= REGISTERS_MAX, "every register has room");
