/* SPDX-License-Identifier: MIT
 *
 * test_capture.c - every creation stack equals the one that gcc's own unwinder finds. Built with several
 * levels of optimization, with clang, static, and with a cache of two sets.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "capture.h"
#include "frames.h"
#include "frames_compare.h"
#include "modules.h"

static COMPARE_FUNCTION(compare_same, SAME) static COMPARE_FUNCTION(compare_cut, CUT)

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
    compare_same();
}

static void a_constructor(void **state)
{
    (void)state;
    assert_all_right("a constructor", 2);
}

static void every_kind_of_frame(void **state)
{
    (void)state;
    for (int kind = 0; frames_kinds[kind].name; kind++) {
        for (unsigned depth = 0; depth < 8; depth++)
            run_kind(kind, depth, depth * 1234567);
        assert_all_right(frames_kinds[kind].name, 8 * 3);
    }
}

static void deep_recursion_is_truncated(void **state)
{
    (void)state;
    run_kind(0, 200, 1);
    assert_all_right("deep recursion is truncated", 3);
}

static void random_mixtures(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed < 3000; seed++)
        run_random(seed * 7919);
    assert_all_right("random mixtures", 2999 * 3);
}

static void frames_without_a_rule_end_the_stack(void **state)
{
    (void)state;
    for (const struct frames_kind *kind = frames_cutting_kinds; kind->name; kind++) {
        struct frames_plan plan = {.depth = 3, .only = 0, .at_end = compare_cut};
        kind->enter(&plan);
        assert_all_right(kind->name, 2);
    }
}

static void an_undefined_return_address_ends_the_stack(void **state)
{
    (void)state;
    struct frames_plan plan = {.depth = 3, .only = 0, .at_end = compare_same};
    frames_asm_outermost(&plan);
    assert_all_right("an undefined return address ends the stack", 3);
}

static void code_outside_of_modules_ends_the_stack(void **state)
{
    (void)state;
    size_t size = (size_t)(frames_asm_jit_end - frames_asm_jit);
    void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(code, MAP_FAILED);
    memcpy(code, frames_asm_jit, size);
    assert_int_equal(mprotect(code, 4096, PROT_READ | PROT_EXEC), 0);
    struct frames_plan plan = {.depth = 3, .only = 0, .at_end = compare_cut};
    ((void (*)(struct frames_plan *, void *))code)(&plan, (void *)frames_next);
    assert_all_right("code outside of modules ends the stack", 2);
    assert_int_equal(THREADLEAK_FRAME_MODULE(frames[0]) != 0, 1);
    munmap(code, 4096);
}

static void handle(int signal)
{
    (void)signal;
    struct frames_plan plan = {.depth = 4, .only = -1, .seed = 99, .at_end = compare_cut};
    frames_next(&plan);
}

static void signal_handlers(void **state)
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
    assert_all_right("signal handlers", 4);
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

static void threads_on_their_own_and_on_given_stacks(void **state)
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
    assert_all_right("threads on their own and on given stacks", 600 * 3);
}

static void many_threads_at_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_many, (void *)(i * 1000)), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_all_right("many threads at once", 4 * 300 * 3);
}

static ucontext_t main_context, coroutine_context;

static void run_coroutine(void)
{
    run_many((void *)5);
}

/* Once on a stack in front of everything else, once on one that lies in .bss. */
static void coroutines(void **state)
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
    assert_all_right("coroutines", 600 * 3);
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

static void little_stack_is_used(void **state)
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
    assert_all_right("little stack is used", 0);
    print_message("a capture takes %zu bytes of stack\n", (size_t)stack_taken);
#ifdef __OPTIMIZE__
    assert_in_range(stack_taken, 1, 800);
#endif
}

static void strange_starts(void **state)
{
    (void)state;
    struct capture_start start = {.pc = 0, .sp = (uintptr_t)&start};
    uint32_t flags = 0;
    assert_int_equal(capture_stack(&start, frames, 32, &flags), 0);
    assert_int_equal(flags, THREADLEAK_SITE_COMPLETE);
    start.pc = (uintptr_t)strange_starts + 1;
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

static __attribute__((noinline)) void capture_with_wrong_base(uintptr_t fp, size_t size)
{
    char aligned[64] __attribute__((aligned(64)));
    char room[size];
    __asm__ volatile("" : : "r"(room), "r"(aligned) : "memory");
    capture_with_wrong(0, fp);
    __asm__ volatile("" : : "r"(room), "r"(aligned) : "memory");
}

static void wrong_registers_are_noticed(void **state)
{
    volatile size_t size = 100 + (size_t)(state == NULL);
    char room[size];
    __asm__ volatile("" : : "r"(room) : "memory");
    static const uintptr_t wrong[] = {1, 8, 0x1001, UINTPTR_MAX, UINTPTR_MAX - 7, 0x7fffffffff8};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        capture_with_wrong(0, wrong[i]), capture_with_wrong_base(wrong[i], size);
    capture_with_wrong(UINTPTR_MAX - 7, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constructor),
        cmocka_unit_test(little_stack_is_used),
        cmocka_unit_test(every_kind_of_frame),
        cmocka_unit_test(deep_recursion_is_truncated),
        cmocka_unit_test(random_mixtures),
        cmocka_unit_test(frames_without_a_rule_end_the_stack),
        cmocka_unit_test(an_undefined_return_address_ends_the_stack),
        cmocka_unit_test(code_outside_of_modules_ends_the_stack),
        cmocka_unit_test(signal_handlers),
        cmocka_unit_test(threads_on_their_own_and_on_given_stacks),
        cmocka_unit_test(many_threads_at_once),
        cmocka_unit_test(coroutines),
        cmocka_unit_test(strange_starts),
        cmocka_unit_test(wrong_registers_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
