/* SPDX-License-Identifier: MIT
 *
 * frames_c.c - frames as C compilers make them; built with several levels of optimization.
 */
#include <alloca.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"

#define KIND static __attribute__((noinline)) void
#define USE(object) __asm__ volatile("" : : "r"(object) : "memory")

KIND fixed_small(struct frames_plan *plan)
{
    char room[8];
    USE(room);
    frames_next(plan);
    USE(room);
}

KIND fixed_middle(struct frames_plan *plan)
{
    char room[1000];
    USE(room);
    frames_next(plan);
    USE(room);
}

KIND fixed_large(struct frames_plan *plan)
{
    char room[40000];
    USE(room);
    frames_next(plan);
    USE(room);
}

KIND with_alloca(struct frames_plan *plan)
{
    char *room = alloca(plan->seed % 500 + 1);
    USE(room);
    frames_next(plan);
    USE(room);
}

KIND with_vla(struct frames_plan *plan)
{
    char room[plan->depth * 16 + plan->seed % 77 + 1];
    USE(room);
    frames_next(plan);
    USE(room);
}

KIND with_vla_in_loop(struct frames_plan *plan)
{
    for (unsigned i = 0; i < 2; i++) {
        long room[plan->seed % 30 + 1 + i];
        USE(room);
        if (i)
            frames_next(plan);
    }
}

/* The stack is re-aligned: gcc finds its arguments, and the CFA, through another register (DRAP). */
KIND aligned(struct frames_plan *plan)
{
    char room[100] __attribute__((aligned(64)));
    USE(room);
    frames_next(plan);
    USE(room);
}

KIND aligned_vla(struct frames_plan *plan)
{
    char fixed[64] __attribute__((aligned(64)));
    char room[plan->seed % 300 + 1];
    USE(fixed);
    USE(room);
    frames_next(plan);
    USE(room);
    USE(fixed);
}

/* With arguments on the stack, which the re-aligned frame needs, too. */
static __attribute__((noinline)) void take_many(struct frames_plan *plan, long a, long b, long c, long d,
                                                long e, long f, long g)
{
    char room[128] __attribute__((aligned(128)));
    USE(room);
    frames_next(plan);
    USE(room);
    USE(a + b + c + d + e + f + g);
}

KIND aligned_arguments(struct frames_plan *plan)
{
    take_many(plan, 1, 2, 3, 4, 5, 6, 7);
    USE(plan);
}

#if defined(__x86_64__)
typedef long long vector __attribute__((vector_size(32)));

__attribute__((target("avx2"))) KIND spill_vectors(struct frames_plan *plan)
{
    vector a = {1, 2, 3, (long long)plan->seed}, b = a + a, c = a * b;
    __asm__ volatile("" : "+x"(a), "+x"(b), "+x"(c));
    frames_next(plan);
    __asm__ volatile("" : "+x"(a), "+x"(b), "+x"(c));
}

KIND avx2(struct frames_plan *plan)
{
    if (__builtin_cpu_supports("avx2"))
        spill_vectors(plan);
    else
        frames_next(plan);
    USE(plan);
}
#endif

/* So many values live across the call that the frame pointer's register holds one of them. */
KIND all_registers(struct frames_plan *plan)
{
    unsigned long a = plan->seed, b = a + 1, c = a + 2, d = a + 3, e = a + 4, f = a + 5, g = a + 6;
    __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
    frames_next(plan);
    __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
    USE(a * b + c * d + e * f + g);
}

/* Saves registers on one of its ways alone. */
KIND shrink_wrapped(struct frames_plan *plan)
{
    if (plan->only == -2)
        return;
    unsigned long a = plan->seed, b = a * 3;
    __asm__ volatile("" : "+r"(a), "+r"(b));
    frames_next(plan);
    __asm__ volatile("" : "+r"(a), "+r"(b));
    if (a == b + 1)
        frames_next(plan);
    USE(a + b);
}

static __attribute__((noinline, cold)) void go_on_in_cold(struct frames_plan *plan)
{
    frames_next(plan);
    USE(plan);
}

/* The call lies in the function's .cold part. */
KIND cold_part(struct frames_plan *plan)
{
    unsigned long a = plan->seed, b = a * 5, c = a * 7;
    __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c));
    if (__builtin_expect(plan->only != -2, 0))
        go_on_in_cold(plan);
    __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c));
    USE(a + b + c);
}

static __attribute__((noinline, noreturn)) void go_on_and_jump(struct frames_plan *plan, jmp_buf *back)
{
    frames_next(plan);
    longjmp(*back, 1);
}

/* Its last instruction is a call, so that the return address belongs to what follows. */
static __attribute__((noinline, noreturn)) void never_return(struct frames_plan *plan, jmp_buf *back)
{
    char room[24];
    USE(room);
    go_on_and_jump(plan, back);
}

KIND noreturn_caller(struct frames_plan *plan)
{
    jmp_buf back;
    if (!setjmp(back))
        never_return(plan, &back);
}

static __attribute__((noinline)) void finish(struct frames_plan *plan)
{
    USE(plan);
    frames_next(plan);
}

KIND tail_call(struct frames_plan *plan)
{
    USE(plan);
    finish(plan);
}

static __thread struct frames_plan *called_back;

static int compare_once(const void *a, const void *b)
{
    struct frames_plan *plan = called_back;
    called_back = NULL;
    if (plan)
        frames_next(plan);
    return *(const int *)a - *(const int *)b;
}

KIND through_qsort(struct frames_plan *plan)
{
    int numbers[] = {3, 1, 2};
    called_back = plan;
    qsort(numbers, 3, sizeof numbers[0], compare_once);
}

KIND through_bsearch(struct frames_plan *plan)
{
    int numbers[] = {1, 2, 3}, wanted = 2;
    called_back = plan;
    USE(bsearch(&wanted, numbers, 3, sizeof numbers[0], compare_once));
}

const struct frames_kind frames_kinds[] = {
    {"fixed, small", fixed_small},
    {"fixed, middle", fixed_middle},
    {"fixed, large", fixed_large},
    {"alloca", with_alloca},
    {"variable-length array", with_vla},
    {"variable-length array in a loop", with_vla_in_loop},
    {"re-aligned", aligned},
    {"re-aligned, variable-length array", aligned_vla},
    {"re-aligned, arguments on the stack", aligned_arguments},
    {"all registers in use", all_registers},
    {"shrink-wrapped", shrink_wrapped},
    {"cold part", cold_part},
    {"noreturn", noreturn_caller},
    {"tail call", tail_call},
    {"qsort", through_qsort},
    {"bsearch", through_bsearch},
    {"catch", frames_catch},
    {"catch, second exception", frames_rethrow},
    {"destructor while unwinding", frames_destructor},
    {"virtual", frames_virtual},
    {"std::function", frames_function},
    {"std::sort", frames_sort},
    {"noexcept", frames_noexcept},
    {"std::call_once", frames_call_once},
#if defined(__x86_64__)
    {"avx2", avx2},
    {"assembly, frame pointer is a general register", frames_asm_fp_is_general},
    {"assembly, remembered states", frames_asm_remembers},
    {"assembly, frame pointer restored", frames_asm_restores_fp},
    {"assembly, ends with a call", frames_asm_ends_with_call},
    {"assembly, frame pointer saved by an expression", frames_asm_fp_in_expression},
#endif
    {NULL, NULL},
};

const struct frames_kind frames_cutting_kinds[] = {
#if defined(__x86_64__)
    {"without CFI", frames_asm_without_cfi},
    {"CFA by an expression", frames_asm_cfa_expression},
    {"CFA by another register", frames_asm_cfa_in_rbx},
    {"frame pointer in another register", frames_asm_fp_in_register},
    {"signal frame", frames_asm_signal_frame},
#endif
    {NULL, NULL},
};

void frames_next(struct frames_plan *plan)
{
    unsigned count = 0;
    while (frames_kinds[count].name)
        count++;
    if (plan->depth == 0) {
        plan->at_end();
        return;
    }
    plan->depth--;
    plan->seed = plan->seed * 1103515245 + 12345;
    frames_kinds[plan->only >= 0 ? (unsigned)plan->only : (plan->seed >> 16) % count].enter(plan);
}
