/* SPDX-License-Identifier: MIT
 *
 * test_capture.c - every creation stack equals the one that gcc's own unwinder finds. Built with several levels of
 * optimization, with clang, static, and with a cache of two sets.
 */
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unwind.h>

#ifdef STATIC
#include "static_cmocka.h"
#else
#include <cmocka.h>
#endif

#include "capture.h"
#include "frames.h"
#include "modules.h"

#define MOST 1000 /* frames of the deepest stack here */

/* What a stack should be. */
enum expectation {
    SAME,     /* as the unwinder says, and complete if it says so */
    CUT,      /* the inner part of it, and said to be cut */
    IN_START, /* the same, and complete although the unwinder has no rule for the last frame */
};

static unsigned stacks_compared;
static unsigned stacks_wrong;
static char first_complaint[200];

static void complain(const char *what, unsigned frame, uint64_t got, uint64_t wanted)
{
    if (__atomic_fetch_add(&stacks_wrong, 1, __ATOMIC_RELAXED) == 0)
        snprintf(first_complaint, sizeof first_complaint, "%s: frame %u: %#llx instead of %#llx", what,
                 frame, (unsigned long long)got, (unsigned long long)wanted);
}

/* Takes what was complained about since the last call, so that a test can say it on its own thread. */
static void assert_all_right(unsigned least_stacks)
{
    unsigned wrong = stacks_wrong, compared = stacks_compared;
    stacks_wrong = stacks_compared = 0;
    if (wrong)
        fail_msg("%u of %u stacks: %s", wrong, compared, first_complaint);
    assert_true(compared >= least_stacks);
}

struct reference {
    uintptr_t pcs[MOST];
    unsigned count;
    bool is_complete;
    uintptr_t first; /* frames further in do not count */
};

static __thread struct reference reference;
static __thread uint64_t frames[MOST];

static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *unused)
{
    uintptr_t pc = _Unwind_GetIP(context);
    (void)unused;
    if (!pc)
        reference.is_complete = true;
    else if (reference.count || pc == reference.first)
        reference.pcs[reference.count++] = pc;
    return reference.count == MOST ? _URC_END_OF_STACK : _URC_NO_REASON;
}

static void compare_to_reference(const struct capture_start *start, unsigned max,
                                 enum expectation expectation)
{
    uint32_t flags = 0, wanted = THREADLEAK_SITE_CUT;
    unsigned count = capture_stack(start, frames, max, &flags);
    __atomic_fetch_add(&stacks_compared, 1, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < count && i < reference.count; i++)
        if (THREADLEAK_FRAME_PC(frames[i]) != reference.pcs[i])
            return complain("another frame", i, THREADLEAK_FRAME_PC(frames[i]), reference.pcs[i]);
    if (expectation != CUT) {
        bool is_complete = expectation == IN_START || reference.is_complete;
        unsigned whole = reference.count < max ? reference.count : max;
        if (reference.count > max)
            wanted = THREADLEAK_SITE_TRUNCATED;
        else if (is_complete)
            wanted = THREADLEAK_SITE_COMPLETE;
        if (count != whole)
            return complain("length", count, count, whole);
    } else if (count > reference.count || count == 0) {
        return complain("length", count, count, reference.count);
    }
    if (flags != wanted)
        complain("flags", count, flags, wanted);
}

static void compare(const struct capture_start *start, enum expectation expectation)
{
    memset(&reference, 0, sizeof reference);
    reference.first = start->pc;
    _Unwind_Backtrace(note, NULL);
    compare_to_reference(start, MOST, expectation); /* cold, the first time */
    compare_to_reference(start, MOST, expectation);
    if (expectation == SAME)
        compare_to_reference(start, 32, expectation);
}

#define COMPARE_FUNCTION(name, expectation)                                                        \
    static __attribute__((noinline)) void name(void)                                               \
    {                                                                                              \
        struct capture_start start;                                                                \
        CAPTURE_CALLER(start);                                                                     \
        compare(&start, expectation);                                                              \
        __asm__ volatile("");                                                                      \
    }

COMPARE_FUNCTION(compare_same, SAME)
COMPARE_FUNCTION(compare_cut, CUT)
#ifdef STATIC /* where the C library calls constructors, not ld.so's entry point */
COMPARE_FUNCTION(compare_in_constructor, SAME)
#else
COMPARE_FUNCTION(compare_in_constructor, IN_START)
#endif

static void run_kind(int kind, unsigned depth, unsigned seed)
{
    struct frames_plan plan = {.depth = depth, .seed = seed, .only = kind, .at_end = compare_same};
    frames_next(&plan);
}

static void run_random(unsigned seed)
{
    run_kind(-1, seed % 24, seed);
}

static void init_modules(void)
{
    static struct threadleak_table table;
    if (!table.chunk_count)
        modules_init(&table);
}

static __attribute__((constructor)) void construct(void)
{
    init_modules();
    compare_in_constructor();
}

static void test_constructor(void **state)
{
    (void)state;
    assert_all_right(2);
}

static void test_kinds(void **state)
{
    (void)state;
    for (int kind = 0; frames_kinds[kind].name; kind++) {
        for (unsigned depth = 0; depth < 8; depth++)
            run_kind(kind, depth, depth * 1234567);
        if (stacks_wrong)
            print_error("%s\n", frames_kinds[kind].name);
        assert_all_right(8 * 3);
    }
}

static void test_deep(void **state)
{
    (void)state;
    run_kind(0, 200, 1);
    assert_all_right(3);
}

static void test_random(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed < 3000; seed++)
        run_random(seed * 7919);
    assert_all_right(2999 * 3);
}

static void test_cuts(void **state)
{
    (void)state;
    for (const struct frames_kind *kind = frames_cutting_kinds; kind->name; kind++) {
        struct frames_plan plan = {.depth = 3, .only = 0, .at_end = compare_cut};
        kind->enter(&plan);
        if (stacks_wrong)
            print_error("%s\n", kind->name);
        assert_all_right(2);
    }
}

static void test_outermost(void **state)
{
    (void)state;
    struct frames_plan plan = {.depth = 3, .only = 0, .at_end = compare_same};
    frames_asm_outermost(&plan);
    assert_all_right(3);
}

static void test_jit(void **state)
{
    (void)state;
    size_t size = (size_t)(frames_asm_jit_end - frames_asm_jit);
    void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(code, MAP_FAILED);
    memcpy(code, frames_asm_jit, size);
    assert_int_equal(mprotect(code, 4096, PROT_READ | PROT_EXEC), 0);
    struct frames_plan plan = {.depth = 3, .only = 0, .at_end = compare_cut};
    ((void (*)(struct frames_plan *, void *))code)(&plan, (void *)frames_next);
    assert_all_right(2);
    assert_int_equal(THREADLEAK_FRAME_MODULE(frames[0]) != 0, 1);
    munmap(code, 4096);
}

static void handle(int signal)
{
    (void)signal;
    struct frames_plan plan = {.depth = 4, .only = -1, .seed = 99, .at_end = compare_cut};
    frames_next(&plan);
}

static void test_signal(void **state)
{
    (void)state;
    static char alternate_stack[256 * 1024];
    struct sigaction action = {.sa_handler = handle};
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    stack_t stack = {.ss_sp = alternate_stack, .ss_size = sizeof alternate_stack};
    assert_int_equal(sigaltstack(&stack, NULL), 0);
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    assert_all_right(4);
}

static void *run_many(void *argument)
{
    unsigned first = (unsigned)(uintptr_t)argument;
    for (unsigned seed = first; seed < first + 300; seed++)
        run_random(seed * 104729);
    return NULL;
}

static void run_thread(const pthread_attr_t *attributes)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, attributes, run_many, (void *)1), 0);
    pthread_join(thread, NULL);
}

static void test_threads(void **state)
{
    (void)state;
    const size_t size = 4 << 20;
    pthread_attr_t attributes;
    run_thread(NULL);
    char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, size);
    run_thread(&attributes);
    pthread_attr_destroy(&attributes);
    munmap(stack, size);
    assert_all_right(600 * 3);
}

static void test_concurrent(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_many, (void *)(i * 1000)), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_all_right(4 * 300 * 3);
}

static ucontext_t main_context, coroutine_context;

static void run_coroutine(void)
{
    run_many((void *)5);
}

/* Once on a stack in front of everything else, once on one that lies in .bss. */
static void test_coroutine(void **state)
{
    (void)state;
    const size_t size = 4 << 20;
    static char own_stack[4 << 20];
    char *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *stacks[] = {own_stack, mapped};
    for (int i = 0; i < 2; i++) {
        getcontext(&coroutine_context);
        coroutine_context.uc_stack.ss_sp = stacks[i];
        coroutine_context.uc_stack.ss_size = size;
        coroutine_context.uc_link = &main_context;
        makecontext(&coroutine_context, run_coroutine, 0);
        assert_int_equal(swapcontext(&main_context, &coroutine_context), 0);
    }
    munmap(mapped, size);
    assert_all_right(600 * 3);
}

/* How much of a thread's stack one capture took, with nothing in the cache for its frames. */
static uintptr_t stack_before, stack_taken;
static char *small_stack;

static __attribute__((noinline)) unsigned capture_here(uint32_t *flags)
{
    struct capture_start start;
    CAPTURE_CALLER(start);
    stack_before = start.sp;
    return capture_stack(&start, frames, 32, flags);
}

static void *measure_stack(void *argument)
{
    uint32_t flags;
    char *sp = __builtin_frame_address(0), *at = small_stack;
    memset(small_stack, 0x5a, (size_t)(sp - small_stack) - 512);
    unsigned count = capture_here(&flags);
    while (*at == 0x5a)
        at++;
    stack_taken = stack_before - (uintptr_t)at;
    if (count < 2 || flags != THREADLEAK_SITE_COMPLETE)
        complain("on a small stack", count, flags, THREADLEAK_SITE_COMPLETE);
    return argument;
}

static void test_footprint(void **state)
{
    (void)state;
    const size_t size = 64 * 1024;
    pthread_attr_t attributes;
    pthread_t thread;
    small_stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, small_stack, size);
    assert_int_equal(pthread_create(&thread, &attributes, measure_stack, NULL), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    munmap(small_stack, size);
    assert_all_right(0);
    print_message("a capture takes %zu bytes of stack\n", (size_t)stack_taken);
#ifdef __OPTIMIZE__
    assert_in_range(stack_taken, 1, 800);
#endif
}

static void test_limits(void **state)
{
    (void)state;
    struct capture_start start = {.pc = 0, .sp = (uintptr_t)&start};
    uint32_t flags = 0;
    assert_int_equal(capture_stack(&start, frames, 32, &flags), 0);
    assert_int_equal(flags, THREADLEAK_SITE_COMPLETE);
    start.pc = (uintptr_t)test_limits + 1;
    assert_int_equal(capture_stack(&start, frames, 0, &flags), 0);
    assert_int_equal(flags, THREADLEAK_SITE_TRUNCATED);
    start.pc = 0x1234;
    assert_int_equal(capture_stack(&start, frames, 32, &flags), 1);
    assert_int_equal(flags, THREADLEAK_SITE_CUT);
    assert_int_equal(frames[0], 0x1234);
    start.pc = UINTPTR_MAX;
    assert_int_equal(capture_stack(&start, frames, 32, &flags), 1);
    assert_int_equal(flags, THREADLEAK_SITE_CUT);
}

/* A frame pointer or stack pointer that cannot be: the stack is cut, and nothing is read there. */
static __attribute__((noinline)) void capture_with_wrong(uintptr_t sp, uintptr_t fp)
{
    struct capture_start start;
    uint32_t flags;
    CAPTURE_CALLER(start);
    start.sp = sp ? sp : start.sp;
    start.fp = fp;
    unsigned count = capture_stack(&start, frames, 32, &flags);
    assert_in_range(count, 1, 32);
    if (sp)
        assert_int_equal(flags, THREADLEAK_SITE_CUT);
}

static void test_wrong_registers(void **state)
{
    volatile size_t size = 100 + (size_t)(state == NULL);
    char room[size];
    __asm__ volatile("" : : "r"(room) : "memory");
    static const uintptr_t wrong[] = {1, 8, 0x1001, UINTPTR_MAX, UINTPTR_MAX - 7, 0x7fffffffff8};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        capture_with_wrong(0, wrong[i]);
    capture_with_wrong(UINTPTR_MAX - 7, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constructor),     cmocka_unit_test(test_footprint),
        cmocka_unit_test(test_kinds),           cmocka_unit_test(test_deep),
        cmocka_unit_test(test_random),          cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_outermost),       cmocka_unit_test(test_jit),
        cmocka_unit_test(test_signal),          cmocka_unit_test(test_threads),
        cmocka_unit_test(test_concurrent),      cmocka_unit_test(test_coroutine),
        cmocka_unit_test(test_limits),          cmocka_unit_test(test_wrong_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
