/* SPDX-License-Identifier: MIT */
#include "arch.h"

#include <elf.h>
#include <string.h>

const struct arch *arch_of(uint16_t machine)
{
    switch (machine) {
    case EM_X86_64:
        return &arch_x86_64;
    case EM_AARCH64:
        return &arch_aarch64;
    default:
        return NULL;
    }
}

const struct arch *arch_native(void)
{
#if defined(__x86_64__)
    return &arch_x86_64;
#elif defined(__aarch64__)
    return &arch_aarch64;
#else
#error "the probe knows x86-64 and aarch64"
#endif
}

static bool is_syscall(const struct arch *arch, const uint8_t *code)
{
    return memcmp(code, arch->syscall_instruction, arch->syscall_size) == 0;
}

/* Numbers are 32 bits wide in the kernel; those that leave no system call are negative. */
void arch_set_state(const struct arch *arch, const struct registers *registers,
                    struct threadleak_probe_thread *thread, const uint8_t *code, size_t size)
{
    size_t wanted = arch->syscall_size * (arch->steps_back ? 2 : 1);
    int64_t number = thread->syscall;
    if (arch->syscall_register >= 0)
        number = (int32_t)registers->value[arch->syscall_register];
    bool is_told = arch->syscall_register < 0;
    bool is_seen = size >= arch->syscall_size && is_syscall(arch, code);
    if (arch->steps_back && size >= wanted)
        is_seen |= is_syscall(arch, code + arch->syscall_size);

    if (number < 0 || (size >= wanted && !is_seen))
        thread->state = THREADLEAK_PROBE_RUNNING;
    else if (is_told || is_seen)
        thread->state = THREADLEAK_PROBE_BLOCKED;
    else
        thread->state = THREADLEAK_PROBE_ALIVE;
    thread->syscall = thread->state == THREADLEAK_PROBE_BLOCKED ? number : -1;
}
