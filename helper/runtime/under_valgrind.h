/* SPDX-License-Identifier: MIT
 *
 * under_valgrind.h - whether Valgrind runs this program. It knows fork, vfork and threads, and ends a program
 * that calls clone in another way.
 */
#ifndef THREADLEAK_UNDER_VALGRIND_H
#define THREADLEAK_UNDER_VALGRIND_H

#include <stdbool.h>

/* The client request RUNNING_ON_VALGRIND: an idle instruction sequence that means something to Valgrind
 * alone, as valgrind.h documents it. */
static inline bool is_under_valgrind(void)
{
    const volatile unsigned long request[6] = {0x1001};
#if defined(__x86_64__)
    unsigned long result;
    __asm__ volatile("rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi\n\t"
                     "xchgq %%rbx, %%rbx"
                     : "=d"(result)
                     : "a"(request), "0"(0L)
                     : "cc", "memory");
#else
    register unsigned long result __asm__("x3") = 0;
    register const volatile unsigned long *where __asm__("x4") = request;
    __asm__ volatile("ror x12, x12, #3; ror x12, x12, #13; ror x12, x12, #51; ror x12, x12, #61\n\t"
                     "orr x10, x10, x10"
                     : "+r"(result)
                     : "r"(where)
                     : "cc", "memory");
#endif
    return result != 0;
}

#endif
