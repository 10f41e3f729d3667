/* SPDX-License-Identifier: MIT
 *
 * arch_x86_64.c - Linux on x86-64. Sources: struct user_regs_struct of <sys/user.h>, which elf_gregset_t is;
 * struct elf_prstatus of <sys/procfs.h>; System V ABI for x86-64, figure 3.36 (DWARF numbers); syscall(2).
 *
 * orig_rax holds the number of the system call that a thread is in; -1 in user space (the kernel's entry of
 * interrupts and exceptions, and rt_sigreturn, set that). 219, restart_syscall, is what it says after a stop
 * and a continue in a call with a timeout, as /proc/PID/syscall does: the arguments are the first call's.
 */
#include <elf.h>
#include <string.h>

#include "arch.h"

/* Indices into elf_gregset_t. */
enum {
    R15,
    R14,
    R13,
    R12,
    RBP,
    RBX,
    R11,
    R10,
    R9,
    R8,
    RAX,
    RCX,
    RDX,
    RSI,
    RDI,
    ORIG_RAX,
    RIP,
    CS,
    EFLAGS,
    RSP,
    SS,
    FS_BASE,
    GS_BASE,
    DS,
    ES,
    FS,
    GS,
    REGISTERS
};

/* By DWARF number. 16 is the return address, which in the innermost frame is pc. */
static const uint8_t by_dwarf[] = {RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, R8,
                                   R9,  R10, R11, R12, R13, R14, R15, RIP};
enum { DWARF_COUNT = sizeof by_dwarf, DWARF_RBP = 6, DWARF_RSP = 7, DWARF_RIP = 16 };

static const uint8_t of_arguments[6] = {RDI, RSI, RDX, R10, R8, R9};

static void decode(const void *user_registers, struct registers *registers,
                   struct threadleak_probe_thread *thread)
{
    uint64_t user[REGISTERS];
    memcpy(user, user_registers, sizeof user);
    for (unsigned i = 0; i < DWARF_COUNT; i++)
        registers->value[i] = user[by_dwarf[i]];
    registers->known = (UINT64_C(1) << DWARF_COUNT) - 1;
    thread->sp = user[RSP];
    thread->pc = user[RIP];
    thread->syscall = (int32_t)user[ORIG_RAX] < 0 ? -1 : (int32_t)user[ORIG_RAX];
    for (unsigned i = 0; i < 6; i++)
        thread->arguments[i] = user[of_arguments[i]];
    thread->pthread = user[FS_BASE];
}

static void encode(const struct registers *registers, const struct threadleak_probe_thread *thread,
                   void *user_registers)
{
    uint64_t user[REGISTERS] = {0};
    if (thread->syscall >= 0)
        for (unsigned i = 0; i < 6; i++)
            user[of_arguments[i]] = thread->arguments[i];
    user[RSP] = thread->sp;
    user[RIP] = thread->pc;
    for (unsigned i = 0; i < DWARF_COUNT; i++)
        if (registers->known >> i & 1)
            user[by_dwarf[i]] = registers->value[i];
    user[ORIG_RAX] = (uint64_t)thread->syscall;
    user[FS_BASE] = thread->pthread;
    memcpy(user_registers, user, sizeof user);
}

/* e8 rel32, or ff /2: an operand byte ModRM, then SIB and displacement as that says (Intel SDM, volume 2,
 * tables 2-2 and 2-3). */
static bool is_after_call(const uint8_t *code)
{
    if (code[CALL_INSTRUCTION_MAX - 5] == 0xe8)
        return true;
    for (unsigned size = 2; size <= 7; size++) {
        const uint8_t *call = code + CALL_INSTRUCTION_MAX - size;
        unsigned mode = call[1] >> 6, base = call[1] & 7;
        if (call[0] != 0xff || (call[1] >> 3 & 7) != 2)
            continue;
        unsigned expected = 2 + (mode != 3 && base == 4);
        if (mode == 1)
            expected += 1;
        else if (mode == 2 || (!mode && (base == 5 || (base == 4 && (call[2] & 7) == 5))))
            expected += 4;
        if (expected == size)
            return true;
    }
    return false;
}

static bool call_target(const uint8_t *code, uint64_t address, uint64_t *target)
{
    int32_t distance;
    memcpy(&distance, code + CALL_INSTRUCTION_MAX - sizeof distance, sizeof distance);
    *target = address + (uint64_t)(int64_t)distance;
    return code[CALL_INSTRUCTION_MAX - 5] == 0xe8;
}

/* [endbr64] push %rbp; mov %rsp,%rbp; push of other registers; [sub $size,%rsp], of 8 or 32 bits. */
static uint32_t prologue(const uint8_t *code, uint64_t *below)
{
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    static const uint8_t begin[] = {0x55, 0x48, 0x89, 0xe5};
    const uint8_t *at = code;
    if (!memcmp(at, endbr64, sizeof endbr64))
        at += sizeof endbr64;
    if (memcmp(at, begin, sizeof begin))
        return 0;
    at += sizeof begin;
    *below = 0;
    for (unsigned pushed = 0; pushed < 5; pushed++) {
        bool is_new = at[0] == 0x41 && at[1] >= 0x54 && at[1] <= 0x57; /* %r12 to %r15 */
        if (!is_new && at[0] != 0x53)                                  /* %rbx */
            break;
        at += is_new ? 2 : 1;
        *below += 8;
    }
    if (at[0] == 0x48 && at[1] == 0x83 && at[2] == 0xec) {
        *below += at[3];
        at += 4;
    } else if (at[0] == 0x48 && at[1] == 0x81 && at[2] == 0xec) {
        uint32_t size;
        memcpy(&size, at + 3, sizeof size);
        *below += size;
        at += 7;
    }
    return (uint32_t)(at - code);
}

const struct arch arch_x86_64 = {
    .machine = EM_X86_64,
    .prstatus_size = 336,
    .prstatus_registers = 112,
    .registers_size = REGISTERS * sizeof(uint64_t),
    .register_count = DWARF_COUNT,
    .sp = DWARF_RSP,
    .pc = DWARF_RIP,
    .syscall_size = 2,
    .syscall_instruction = {0x0f, 0x05}, /* syscall */
    .syscall_register = -1,
    .decode = decode,
    .encode = encode,
    .is_after_call = is_after_call,
    .call_target = call_target,
    .prologue = prologue,
    .frame_pointer = DWARF_RBP,
};

_Static_assert(REGISTERS * sizeof(uint64_t) <= USER_REGISTERS_MAX, "elf_gregset_t has room");
_Static_assert(4 + 4 + 5 * 2 + 7 <= PROLOGUE_MAX, "a whole prologue has room");
_Static_assert(DWARF_COUNT <= REGISTERS_MAX, "every register has room");
