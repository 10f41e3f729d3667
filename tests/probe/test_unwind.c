/* SPDX-License-Identifier: MIT
 *
 * Stacks of programs whose chains of calls are known (helper/probe/unwind.c, stack_set.c): from core files,
 * and from processes with and without a stop.
 */
#include "built.h"

#include "unwind.h"

static const char chains[] = SOURCES "chains.cc", plugged[] = SOURCES "plugged.c";

/* How the program is built; the chains are the same. */
static const struct {
    const char *name, *arguments;
} kinds[] = {
    {"chains_O0", "-g -O0 " SOURCES "chains.cc -o %s/chains_O0 -pthread -ldl"},
    {"chains_O2", "-g -O2 " SOURCES "chains.cc -o %s/chains_O2 -pthread -ldl"},
    {"chains_static", "-g -O2 -static -w " SOURCES "chains.cc -o %s/chains_static -pthread"},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Of each thread, outwards from block(); what libc and the kernel put in between is left out. */
static const struct {
    const char *thread;
    const char *chain[6];
} expected[] = {
    {"in_template",
     {"block()", "inlined(int)", "app::(anonymous namespace)::Pool<int>::run<long>(long)",
      "exported<long>(long)", "in_template"}},
    {"in_member(void*)",
     {"block()", "inlined(int)", "app::(anonymous namespace)::Pool<int>::member(char const*) const",
      "in_member(void*)"}},
    {"in_alloca(void*)", {"block()", "moving_frame(unsigned long)", "in_alloca(void*)"}},
    {"in_fault(void*)", {"block()", "on_signal(int)"}},
    {"in_signal(void*)", {"block()", "on_signal(int)"}},
    {"in_lambda(void*)",
     {"block()", "in_lambda(void*)::{lambda(int)#1}::operator()(int) const", "in_lambda(void*)"}},
    {"main", {"block()", "main"}},
};

static int build_all(void **state)
{
    if (make_folder(state))
        return -1;
    for (unsigned i = 0; i < KINDS; i++)
        build("g++ -std=c++17", kinds[i].arguments);
    build("gcc", "-g -O1 -shared -fPIC " SOURCES "plugged.c -o %s/libplugged.so");
    return 0;
}

/* Where the stack pointer moves about and the frame pointer is not known, a stack is cut, and not made up. */
static bool is_cut_at(struct threadleak_probe *probe, const char *function)
{
    static struct names names;
    return find_names(probe, function, &names) && names.end == THREADLEAK_PROBE_CUT &&
           index_in(&names, function) == (int)names.count - 1;
}

static void check_chains(struct threadleak_probe *probe, bool has_registers)
{
    static struct names names;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        if (!has_registers && is_cut_at(probe, "moving_frame(unsigned long)") &&
            !strcmp(expected[i].thread, "in_alloca(void*)"))
            continue;
        const char *thread = expected[i].thread;
        if (!find_names(probe, thread, &names))
            fail_msg("no stack has %s", thread);
        int at = index_in(&names, "block()");
        assert_true(at >= 0);
        assert_int_equal(names.end, THREADLEAK_PROBE_COMPLETE);
        for (unsigned k = 0; k < 6 && expected[i].chain[k]; k++, at++) {
            const char *found = (unsigned)at < names.count ? names.frames[at].function : NULL;
            if (!found || strcmp(found, expected[i].chain[k]))
                fail_msg("%s: %s instead of %s", thread, found, expected[i].chain[k]);
        }
    }
}

/* What a signal interrupted is an instruction, and what the handler returns to is none that was called from.
 */
static void check_signals(struct threadleak_probe *probe)
{
    static struct names names;
    assert_true(find_names(probe, "in_fault(void*)", &names));
    int at = index_in(&names, "in_fault(void*)");
    assert_true(names.is_exact[0]);
    assert_true(names.is_exact[at]);
    assert_int_equal(names.frames[at].line, line_of(chains, "in_fault"));
    at = index_in(&names, "on_signal(int)");
    assert_false(names.is_exact[at]);
    assert_true(names.is_exact[at + 1]);
}

static void check_limits(struct threadleak_probe *probe)
{
    static struct names names;
    assert_true(find_names(probe, "in_recursion(void*)", &names));
    assert_int_equal(names.end, THREADLEAK_PROBE_COMPLETE);
    unsigned calls = 0;
    for (unsigned i = 0; i < names.count; i++)
        calls += names.frames[i].function && !strcmp(names.frames[i].function, "recurse(int)");
    assert_true(calls >= 301 || calls < 4); /* all of them, unless the compiler made a loop of it */
#ifdef __x86_64__
    assert_true(find_names(probe, "damaged()", &names));
    assert_int_equal(names.end, THREADLEAK_PROBE_CUT);
    assert_true(names.count < 16);
#endif
}

static void check_all(struct threadleak_probe *probe, bool has_registers)
{
    check_chains(probe, has_registers);
    check_signals(probe);
    check_limits(probe);
}

/* Whether a rule is applied by us or by libdw, what comes out is the same. */
static void check_libdw(const char *core, struct threadleak_probe *probe, uint32_t limit)
{
    uint32_t count, other_count;
    stacks_use_libdw_alone = true;
    struct threadleak_probe *other = open_unwound(threadleak_probe_open_core(core, NULL), limit);
    stacks_use_libdw_alone = false;
    const struct threadleak_probe_stack *stacks = threadleak_probe_stacks(probe, &count);
    const struct threadleak_probe_stack *others = threadleak_probe_stacks(other, &other_count);
    assert_int_equal(count, other_count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(stacks[i].end, others[i].end);
        assert_int_equal(stacks[i].count, others[i].count);
        assert_memory_equal(stacks[i].frames, others[i].frames, stacks[i].count * sizeof *stacks[i].frames);
    }
    threadleak_probe_close(other);
}

static void test_cores(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        const char *core = dump_core(start_program(kinds[i].name, NULL), "dumped");
        if (!core)
            skip();
        struct threadleak_probe *probe = open_unwound(threadleak_probe_open_core(core, NULL), 65536);
        check_all(probe, true);
        check_libdw(core, probe, 65536);
        threadleak_probe_close(probe);
        probe = open_unwound(threadleak_probe_open_core(core, NULL), 4);
        check_libdw(core, probe, 4);
        threadleak_probe_close(probe);
    }
}

static void test_processes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        pid_t pid = start_program(kinds[i].name, NULL);
        for (unsigned flags = 0; flags <= THREADLEAK_PROBE_STOP; flags += THREADLEAK_PROBE_STOP) {
            struct threadleak_probe *probe = open_unwound(threadleak_probe_open_process(pid, flags), 65536);
            check_all(probe, flags);
            threadleak_probe_close(probe);
        }
        end_program(pid);
    }
}

static void test_library(void **state)
{
    static struct names names;
    (void)state;
    pid_t pid = start_program("chains_O0", in_folder("libplugged.so"));
    struct threadleak_probe *probe = open_unwound(threadleak_probe_open_process(pid, 0), 64);
    assert_true(find_names(probe, "inside", &names));
    int at = index_in(&names, "inside");
    assert_string_equal(names.frames[at - 1].function, "block()");
    assert_string_equal(names.frames[at + 1].function, "plugged");
    assert_string_equal(names.frames[at + 2].function, "in_library(void*)");
    assert_int_equal(names.frames[at].line, line_of(plugged, "inside"));
    threadleak_probe_close(probe);
    end_program(pid);
}

static void test_limit(void **state)
{
    (void)state;
    pid_t pid = start_program("chains_O0", NULL);
    struct threadleak_probe *probe = open_unwound(threadleak_probe_open_process(pid, 0), 3);
    uint32_t count, threads = threadleak_probe_info(probe)->thread_count;
    const struct threadleak_probe_stack *stacks = threadleak_probe_stacks(probe, &count);
    assert_true(count > 0 && count <= threads);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(stacks[i].count <= 3);
        if (stacks[i].count == 3)
            assert_int_equal(stacks[i].end, THREADLEAK_PROBE_LIMIT);
    }
    assert_int_equal(threadleak_probe_unwind(probe, THREADLEAK_PROBE_ALL, 0), -1);
    assert_int_equal(threadleak_probe_unwind(probe, THREADLEAK_PROBE_ALL, 65537), -1);
    assert_int_equal(threadleak_probe_unwind(probe, threads, 3), -1);
    /* the same again is nothing new; one thread alone adds its own */
    assert_int_equal(threadleak_probe_unwind(probe, THREADLEAK_PROBE_ALL, 3), 0);
    uint32_t again;
    threadleak_probe_stacks(probe, &again);
    assert_int_equal(again, count);
    assert_int_equal(threadleak_probe_unwind(probe, 0, 64), 0);
    stacks = threadleak_probe_stacks(probe, &again);
    assert_int_equal(again, count + 1);
    assert_int_equal(threadleak_probe_threads(probe)[0].stack, again);
    assert_true(stacks[count].count > 3);
    threadleak_probe_close(probe);
    end_program(pid);
}

/* A thread that ended is no error; neither is a process that did. */
static void test_gone(void **state)
{
    (void)state;
    pid_t pid = start_program("chains_O0", NULL);
    struct threadleak_probe *probe = threadleak_probe_open_process(pid, 0);
    assert_non_null(probe);
    end_program(pid);
    uint32_t count;
    assert_int_equal(threadleak_probe_unwind(probe, THREADLEAK_PROBE_ALL, 64), 0);
    const struct threadleak_probe_stack *stacks = threadleak_probe_stacks(probe, &count);
    assert_int_equal(count, 1);
    assert_int_equal(stacks[0].end, THREADLEAK_PROBE_GONE);
    assert_int_equal(stacks[0].count, 0);
    threadleak_probe_close(probe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cores), cmocka_unit_test(test_processes), cmocka_unit_test(test_library),
        cmocka_unit_test(test_limit), cmocka_unit_test(test_gone),
    };
    return cmocka_run_group_tests(tests, build_all, remove_folder);
}
