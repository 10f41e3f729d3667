/* SPDX-License-Identifier: MIT
 *
 * system_call.h - system calls without libc: no errno, no cancellation point, no thread pointer, so that a
 * process that shares our memory, and the TLS of one of our threads, can make them too. They return what the
 * kernel does: -ERRNO on failure.
 */
#ifndef THREADLEAK_SYSTEM_CALL_H
#define THREADLEAK_SYSTEM_CALL_H

#include <sys/syscall.h>

#if defined(__x86_64__)

static inline long system_call_6(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* clone with these flags; the child calls `run`, which must not return, on the stack that ends at `top`. */
static inline long system_call_clone(unsigned long flags, void *top, void (*run)(void))
{
    long result;
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "call *%[run]\n\t"
                     "hlt\n"
                     "1:"
                     : "=a"(result)
                     : "0"((long)SYS_clone), "D"(flags), "S"(top), "d"(0L), "r"(r10), "r"(r8), [run] "b"(run)
                     : "rcx", "r11", "cc", "memory");
    return result;
}

#elif defined(__aarch64__)

static inline long system_call_6(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory", "cc");
    return x0;
}

static inline long system_call_clone(unsigned long flags, void *top, void (*run)(void))
{
    register long x8 __asm__("x8") = SYS_clone;
    register long x0 __asm__("x0") = (long)flags;
    register long x1 __asm__("x1") = (long)top;
    register long x2 __asm__("x2") = 0;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = 0;
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, xzr\n\t"
                     "mov x30, xzr\n\t"
                     "blr %[run]\n\t"
                     "brk #0\n"
                     "1:"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), [run] "r"(run)
                     : "x30", "memory", "cc");
    return x0;
}

#else
#error "helper/runtime/system_call.h: how this machine makes system calls"
#endif

#define SYSTEM_CALL_PADDED(number, a, b, c, d, e, f, ...)                                                    \
    system_call_6(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* system_call(SYS_name, up to six arguments: numbers or pointers) */
#define system_call(...) SYSTEM_CALL_PADDED(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#endif
