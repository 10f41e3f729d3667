/* SPDX-License-Identifier: MIT
 *
 * Names of objects in variables (helper/probe/variables.c, data_types.c): two programs that say what each of
 * theirs is to be called, as compilers make them.
 */
#include "../programs/variables.h"
#include "built.h"

#define PROGRAMS "tests/programs/"

enum how { BY_DEBUG_INFORMATION, BY_SYMBOLS, BY_EXPORTS };

static void read_text(struct threadleak_probe *probe, const char *at, char *text, size_t size)
{
    memset(text, 0, size);
    if (at)
        assert_true(threadleak_probe_read(probe, (uintptr_t)at, text, size - 1) > 0);
}

static const char *wanted_name(struct threadleak_probe *probe, const struct row *row, enum how how)
{
    static char name[128];
    read_text(probe, how == BY_DEBUG_INFORMATION ? row->name : row->symbol, name, sizeof name);
    bool is_known = *name && (how != BY_EXPORTS || (row->flags & EXPORTED));
    return is_known ? name : NULL;
}

static unsigned check_names(struct threadleak_probe *probe, enum how how)
{
    struct row row;
    uint64_t rows, seen = 0;
    assert_int_equal(threadleak_probe_find_symbol(probe, "named", &rows, 1), 1);
    for (;; rows += sizeof row, seen++) {
        assert_int_equal(threadleak_probe_read(probe, rows, &row, sizeof row), sizeof row);
        if (!row.name)
            return seen;
        if (how == BY_SYMBOLS && !row.symbol)
            continue;
        const char *wanted = wanted_name(probe, &row, how);
        const char *found = threadleak_probe_variable_at(probe, (uintptr_t)row.address);
        if (!wanted)
            assert_null(found);
        else if (!found || strcmp(found, wanted))
            fail_msg("%s is called %s", wanted, found ? found : "nothing");
    }
}

static void check_program(const char *name, enum how how)
{
    pid_t pid = start_program(name, NULL);
    struct threadleak_probe *probe = threadleak_probe_open_process((int)pid, 0);
    assert_non_null(probe);
    assert_in_range(check_names(probe, how), 19, 30);
    threadleak_probe_close(probe);
    end_program(pid);
}

/* "%s" in what is `made` is the folder. */
static void check_made(const char *compiler, const char *source)
{
    char arguments[256];
    snprintf(arguments, sizeof arguments, PROGRAMS "%s -o %%s/made -pthread", source);
    build(compiler, arguments);
    check_program("made", BY_DEBUG_INFORMATION);
}

static void test_c(void **state)
{
    (void)state;
    check_made("gcc -g -O0", "variables_c.c");
    check_made("gcc -g -O2 -gz", "variables_c.c");
    check_made("gcc -gdwarf-4 -O2 -fdebug-types-section", "variables_c.c");
    check_made("gcc -g -O2 -gsplit-dwarf -fdata-sections -Wl,--gc-sections", "variables_c.c");
    check_made("gcc -g -O1 -static -no-pie -fno-pie", "variables_c.c");
    check_made("gcc -g -O2 -flto", "variables_c.c");
}

static void test_cplusplus(void **state)
{
    (void)state;
    check_made("g++ -std=c++17 -g -O0", "variables_cxx.cc");
    check_made("g++ -std=c++17 -g -O2 -gz", "variables_cxx.cc");
    check_made("g++ -std=c++17 -gdwarf-4 -O2 -fdebug-types-section", "variables_cxx.cc");
    check_made("g++ -std=c++17 -g -O2 -gsplit-dwarf -fdata-sections -Wl,--gc-sections", "variables_cxx.cc");
}

static void test_clang(void **state)
{
    (void)state;
    if (system("command -v clang++ >/dev/null"))
        skip();
    /* without -fstandalone-debug a class may be described in another unit, which is not searched for */
    check_made("clang -g -O0", "variables_c.c");
    check_made("clang -g -O2", "variables_c.c");
    check_made("clang++ -std=c++17 -fstandalone-debug -g -O0", "variables_cxx.cc");
    /* in two steps, else the .dwo file lands where we are */
    build("clang++ -std=c++17 -fstandalone-debug -g -O2 -gsplit-dwarf -c",
          PROGRAMS "variables_cxx.cc -o %s/made.o");
    build("clang++", "%s/made.o -o %s/made -pthread");
    check_program("made", BY_DEBUG_INFORMATION);
}

static void test_stripped(void **state)
{
    (void)state;
    build("gcc -g -O2 -rdynamic", PROGRAMS "variables_c.c -o %s/whole -pthread");
    build("strip", "-g -o %s/made %s/whole");
    check_program("made", BY_SYMBOLS);
    build("strip", "-o %s/made %s/whole");
    check_program("made", BY_EXPORTS);
    build("objcopy --only-keep-debug", "%s/whole %s/made.debug");
    build("objcopy", "--add-gnu-debuglink=%s/made.debug %s/made");
    check_program("made", BY_DEBUG_INFORMATION);
    build("g++ -std=c++17 -g -O2 -rdynamic", PROGRAMS "variables_cxx.cc -o %s/whole -pthread");
    build("strip", "-g -o %s/made %s/whole");
    check_program("made", BY_SYMBOLS);
    build("strip", "-o %s/made %s/whole");
    check_program("made", BY_EXPORTS);
}

static void test_core(void **state)
{
    (void)state;
    build("g++ -std=c++17 -g -O2", PROGRAMS "variables_cxx.cc -o %s/dumping -pthread");
    const char *core = dump_core(start_program("dumping", NULL), "dumped");
    if (!core)
        skip();
    struct threadleak_probe *probe = threadleak_probe_open_core(core, NULL);
    assert_non_null(probe);
    assert_true(check_names(probe, BY_DEBUG_INFORMATION) > 0);
    threadleak_probe_close(probe);
}

/* Whatever was asked for before. */
static void test_first_question(void **state)
{
    uint64_t address;
    (void)state;
    build("gcc -g -O0", PROGRAMS "variables_c.c -o %s/made -pthread");
    pid_t pid = start_program("made", NULL);
    struct threadleak_probe *probe = threadleak_probe_open_process((int)pid, 0);
    assert_non_null(probe);
    assert_int_equal(threadleak_probe_find_symbol(probe, "cache", &address, 1), 1);
    threadleak_probe_close(probe);
    probe = threadleak_probe_open_process((int)pid, 0);
    assert_non_null(probe);
    assert_string_equal(threadleak_probe_variable_at(probe, address), "cache.lock");
    threadleak_probe_close(probe);
    end_program(pid);
}

static void test_nowhere(void **state)
{
    static const uint64_t addresses[] = {0, 16, UINT64_MAX, UINT64_C(1) << 47};
    (void)state;
    build("gcc -g -O0", PROGRAMS "variables_c.c -o %s/made -pthread");
    pid_t pid = start_program("made", NULL);
    struct threadleak_probe *probe = threadleak_probe_open_process((int)pid, 0);
    assert_non_null(probe);
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        assert_null(threadleak_probe_variable_at(probe, addresses[i]));
    /* of a system library by symbol alone, whatever debug information there is */
    uint64_t loader;
    assert_int_equal(threadleak_probe_find_symbol(probe, "_rtld_global", &loader, 1), 1);
    assert_string_equal(threadleak_probe_variable_at(probe, loader + 8), "_rtld_global+0x8");
    threadleak_probe_close(probe);
    end_program(pid);
}

/* An answer comes, and soon: alarm(2) ends what goes on for ever. */
static void test_circles(void **state)
{
    static const struct {
        const char *variable, *begin, *inside;
    } wanted[] = {
        {"in_typedefs", "in_typedefs", "in_typedefs+0x1"},
        {"in_itself", "in_itself.self.self.", "in_itself.self.self."},
        {"in_both", "in_both.one.one.", "in_both.one.one."},
        {"of_itself", "of_itself", "of_itself+0x1"},
        {"endless", "endless[0].self.", "endless+0x1"},
        {"outside", "outside", "outside+0x1"},
    };
    (void)state;
    build("gcc -no-pie", SOURCES "circles.S -o %s/circles");
    pid_t pid = start_program("circles", NULL);
    struct threadleak_probe *probe = threadleak_probe_open_process((int)pid, 0);
    assert_non_null(probe);
    alarm(60);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        uint64_t address;
        assert_int_equal(threadleak_probe_find_symbol(probe, wanted[i].variable, &address, 1), 1);
        const char *begin = threadleak_probe_variable_at(probe, address);
        const char *inside = threadleak_probe_variable_at(probe, address + 1);
        assert_non_null(begin);
        assert_non_null(inside);
        assert_memory_equal(begin, wanted[i].begin, strlen(wanted[i].begin));
        assert_memory_equal(inside, wanted[i].inside, strlen(wanted[i].inside));
    }
    alarm(0);
    threadleak_probe_close(probe);
    end_program(pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_c),
        cmocka_unit_test(test_cplusplus),
        cmocka_unit_test(test_clang),
        cmocka_unit_test(test_stripped),
        cmocka_unit_test(test_core),
        cmocka_unit_test(test_nowhere),
        cmocka_unit_test(test_first_question),
        cmocka_unit_test(test_circles),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
