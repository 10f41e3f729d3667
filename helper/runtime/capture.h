/* SPDX-License-Identifier: MIT
 *
 * capture.h - the creation stack: return addresses of the calling thread, found through the compiler's
 * call frame information (.eh_frame), with a process-wide cache of unwind rules by return address.
 *
 * Right on code without frame pointers, through alloca and variable-length arrays, through re-aligned
 * stacks (gcc's DRAP). Where no rule is known (JIT code, hand-written assembly without CFI, signal frames,
 * other DWARF expressions) the stack ends there and says so: never a guess.
 */
#ifndef THREADLEAK_CAPTURE_H
#define THREADLEAK_CAPTURE_H

#include <stdint.h>

/* The registers of a frame as its callee left them: where it goes on, its stack pointer and frame pointer. */
struct capture_start {
    uintptr_t pc;
    uintptr_t sp;
    uintptr_t fp;
    uintptr_t top; /* an address near the outer end of the thread's own stack, or 0: not known, and slower */
};

/* Fills `start`, a struct capture_start, with the caller of the function in which it stands. That function
 * must not be inlined. */
#define CAPTURE_CALLER(start)                                                                                \
    do {                                                                                                     \
        (start).pc = (uintptr_t)__builtin_return_address(0);                                                 \
        (start).sp = (uintptr_t)__builtin_dwarf_cfa();                                                       \
        (start).fp = *(uintptr_t *)__builtin_frame_address(0);                                               \
        (start).top = 0;                                                                                     \
    } while (0)

/* Writes at most `max` frames (THREADLEAK_FRAME: pc and module), innermost first, and returns how many.
 * `flags` becomes THREADLEAK_SITE_COMPLETE, _TRUNCATED or _CUT. No malloc, no locks; any thread, also in a
 * signal handler, where the stack is cut at the signal frame. Warm: 4 to 5 ns a frame, and 400 bytes of
 * stack at most; a frame that is met for the first time: 0.1 us, and 750 bytes. */
unsigned capture_stack(const struct capture_start *start, uint64_t *frames, unsigned max, uint32_t *flags);

#endif
