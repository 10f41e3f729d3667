/* SPDX-License-Identifier: MIT
 *
 * frames_compare.h - compares creation stacks with those of gcc's own unwinder, on any thread. A test then
 * asserts that all were right.
 */
#ifndef FRAMES_COMPARE_H
#define FRAMES_COMPARE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef STATIC
#include "static_cmocka.h"
#else
#include <cmocka.h>
#endif

#include "capture.h"
#include "threadleak_abi.h"

#define MOST 1000 /* frames of the deepest stack here */

/* What a stack should be. */
enum expectation {
    SAME,     /* as the unwinder says, and complete if it says so */
    CUT,      /* the inner part of it, and said to be cut */
    IN_START, /* the same, and complete although the unwinder has no rule for the last frame */
};

/* The stack that was taken last by this thread. */
extern __thread uint64_t frames[MOST];

/* Takes the stack that begins at `start` twice, at first perhaps with nothing in the cache, and compares it.
 */
void compare(const struct capture_start *start, enum expectation expectation);

/* Something else is wrong with a stack. */
void complain(const char *what, unsigned frame, uint64_t got, uint64_t wanted);

/* Fails if there was a complaint since the last call, or fewer comparisons than that. */
void assert_all_right(const char *what, unsigned least_stacks);

/* Defines a function without arguments that compares its caller's stack. */
#define COMPARE_FUNCTION(name, expectation)                                                                  \
    __attribute__((noinline)) void name(void)                                                                \
    {                                                                                                        \
        struct capture_start start;                                                                          \
        CAPTURE_CALLER(start);                                                                               \
        compare(&start, expectation);                                                                        \
        __asm__ volatile("");                                                                                \
    }

#endif
