/* SPDX-License-Identifier: MIT
 *
 * frames.h - stacks made of every kind of frame, for the tests of the creation stack.
 *
 * A kind is a function with such a frame that calls frames_next, which picks the next kind by the plan, and
 * in the end calls the plan's `at_end`.
 */
#ifndef FRAMES_H
#define FRAMES_H

#ifdef __cplusplus
extern "C" {
#endif

struct frames_plan {
    unsigned depth; /* frames still to come */
    unsigned seed;  /* of random kinds */
    int only;       /* index of the kind, -1: random ones */
    void (*at_end)(void);
};

struct frames_kind {
    const char *name;
    void (*enter)(struct frames_plan *plan);
};

/* Through these a stack goes on. The list ends with a name of NULL. */
extern const struct frames_kind frames_kinds[];

/* These end it, for they have no rule or one that needs other registers. */
extern const struct frames_kind frames_cutting_kinds[];

void frames_next(struct frames_plan *plan);

/* frames_cxx.cc */
void frames_catch(struct frames_plan *plan);
void frames_rethrow(struct frames_plan *plan);
void frames_destructor(struct frames_plan *plan);
void frames_virtual(struct frames_plan *plan);
void frames_function(struct frames_plan *plan);
void frames_sort(struct frames_plan *plan);
void frames_noexcept(struct frames_plan *plan);
void frames_call_once(struct frames_plan *plan);

/* frames_asm.S; x86-64 alone */
void frames_asm_fp_is_general(struct frames_plan *plan);
void frames_asm_remembers(struct frames_plan *plan);
void frames_asm_restores_fp(struct frames_plan *plan);
void frames_asm_ends_with_call(struct frames_plan *plan);
void frames_asm_fp_in_expression(struct frames_plan *plan);
void frames_asm_without_cfi(struct frames_plan *plan);
void frames_asm_cfa_expression(struct frames_plan *plan);
void frames_asm_cfa_in_rbx(struct frames_plan *plan);
void frames_asm_fp_in_register(struct frames_plan *plan);
void frames_asm_signal_frame(struct frames_plan *plan);
void frames_asm_outermost(struct frames_plan *plan);
extern const char frames_asm_jit[], frames_asm_jit_end[];

#ifdef __cplusplus
}
#endif

#endif
