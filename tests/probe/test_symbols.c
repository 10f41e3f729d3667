/* SPDX-License-Identifier: MIT
 *
 * Names, files and lines (helper/probe/symbols.c, scopes.c, symbol_table.c), and the files that they come
 * from (modules.c, module_file.c).
 */
#include "built.h"

static const char chains[] = SOURCES "chains.cc";

static int build_first(void **state)
{
    if (make_folder(state))
        return -1;
    build("g++ -std=c++17 -g -O0", SOURCES "chains.cc -o %s/chains -pthread -ldl");
    return 0;
}

static struct threadleak_probe *open_process(pid_t pid)
{
    return open_unwound(threadleak_probe_open_process((int)pid, 0), 64);
}

static void check_frame(const struct names *names, int at, const char *function, const char *here)
{
    static char absolute[4096];
    assert_true(at >= 0 && (unsigned)at < names->count);
    const struct threadleak_probe_frame *frame = &names->frames[at];
    assert_non_null(frame->function);
    assert_string_equal(frame->function, function);
    assert_int_equal(frame->line, line_of(chains, here));
    assert_non_null(realpath(chains, absolute));
    assert_string_equal(frame->file, absolute);
}

/* ---- lines and inlined functions ----------------------------------------------------------------- */

/* Each line is that of the call to the function before. */
static void check_lines(struct threadleak_probe *probe)
{
    static struct names names;
    assert_true(find_names(probe, "in_template", &names));
    int at = index_in(&names, "block()");
    check_frame(&names, at, "block()", "block");
    check_frame(&names, at + 1, "inlined(int)", "inlined");
    assert_true(names.frames[at + 1].is_inlined);
    check_frame(&names, at + 2, "app::(anonymous namespace)::Pool<int>::run<long>(long)", "run");
    assert_false(names.frames[at + 2].is_inlined);
    check_frame(&names, at + 3, "exported<long>(long)", "exported");
    check_frame(&names, at + 4, "in_template", "in_template");
    assert_true(find_names(probe, "main", &names));
    check_frame(&names, index_in(&names, "main"), "main", "main");
}

static void test_compilers(void **state)
{
    static const char *const compilers[] = {
        "g++ -std=c++17 -g -O0",
        "g++ -std=c++17 -g -O2",
        "g++ -std=c++17 -gdwarf-4 -O1",
        "g++ -std=c++17 -g -O2 -gsplit-dwarf",
        "g++ -std=c++17 -g -O2 -static -w",
        "g++ -std=c++17 -g -O2 -no-pie -fno-pie -Wl,-z,noseparate-code",
        "clang++ -std=c++17 -g -O1",
        "clang++ -std=c++17 -g -O2 -fuse-ld=lld",
    };
    (void)state;
    bool has_clang = !system("command -v clang++ >/dev/null && command -v ld.lld >/dev/null");
    for (size_t i = 0; i < sizeof compilers / sizeof *compilers; i++) {
        if (!strncmp(compilers[i], "clang", 5) && !has_clang)
            continue;
        build(compilers[i], SOURCES "chains.cc -o %s/by_compiler -pthread -ldl 2>/dev/null");
        pid_t pid = start_program("by_compiler", NULL);
        struct threadleak_probe *probe = open_process(pid);
        check_lines(probe);
        threadleak_probe_close(probe);
        end_program(pid);
    }
}

static void test_start(void **state)
{
    const struct threadleak_probe_frame *frames;
    uint64_t address;
    (void)state;
    pid_t pid = start_program("chains", NULL);
    struct threadleak_probe *probe = open_process(pid);
    assert_int_equal(threadleak_probe_find_symbol(probe, "in_template", &address, 1), 1);
    assert_int_equal(threadleak_probe_symbolize(probe, address, THREADLEAK_PROBE_START, &frames), 1);
    assert_string_equal(frames->function, "in_template");
    assert_int_equal(frames->line, line_of(chains, "in_template") - 2);
    assert_false(frames->is_inlined);
    /* where nothing is mapped nothing is known */
    assert_int_equal(threadleak_probe_symbolize(probe, 16, THREADLEAK_PROBE_RETURN, &frames), 1);
    assert_null(frames->function);
    assert_int_equal(threadleak_probe_symbolize(probe, 0, THREADLEAK_PROBE_RETURN, &frames), 1);
    assert_null(frames->function);
    threadleak_probe_close(probe);
    end_program(pid);
}

static void test_system_library(void **state)
{
    static struct names names;
    (void)state;
    pid_t pid = start_program("chains", NULL);
    struct threadleak_probe *probe = open_process(pid);
    assert_true(find_names(probe, "main", &names));
    assert_string_equal(names.frames[0].function, "pause");
    assert_null(names.frames[0].file);
    assert_int_equal(names.frames[0].line, 0);
    threadleak_probe_close(probe);
    end_program(pid);
}

/* ---- data ---------------------------------------------------------------------------------------- */

static void test_data(void **state)
{
    uint64_t addresses[4];
    int number;
    (void)state;
    pid_t pid = start_program("chains", NULL);
    struct threadleak_probe *probe = open_process(pid);
    /* of the program's .symtab */
    assert_int_equal(threadleak_probe_find_symbol(probe, "variable", addresses, 4), 1);
    assert_int_equal(threadleak_probe_read(probe, addresses[0] + 4, &number, sizeof number), sizeof number);
    assert_int_equal(number, 2);
    uint64_t each[] = {addresses[0] + 4, 0, UINT64_MAX - 1, addresses[0] + 4};
    int numbers[4];
    uint8_t whole[4];
    threadleak_probe_read_each(probe, each, 4, sizeof number, numbers, whole);
    assert_memory_equal(whole, ((uint8_t[]){1, 0, 0, 1}), 4);
    assert_int_equal(numbers[0], 2);
    assert_int_equal(numbers[3], 2);
    assert_string_equal(threadleak_probe_symbol_at(probe, addresses[0] + 7), "variable");
    assert_int_equal(threadleak_probe_find_symbol(probe, "_ZTV5Shape", addresses, 4), 1);
    assert_string_equal(threadleak_probe_symbol_at(probe, addresses[0] + 16), "vtable for Shape");
    /* of .dynsym */
    assert_int_equal(threadleak_probe_find_symbol(probe, "_rtld_global", addresses, 4), 1);
    assert_string_equal(threadleak_probe_symbol_at(probe, addresses[0]), "_rtld_global");
    assert_int_equal(threadleak_probe_find_symbol(probe, "_rtld_global", addresses, 0), 0);
    assert_int_equal(threadleak_probe_find_symbol(probe, "no_such_symbol_anywhere", addresses, 4), 0);
    assert_int_equal(threadleak_probe_find_symbol(probe, "", addresses, 4), 0);
    assert_null(threadleak_probe_symbol_at(probe, 16));
    threadleak_probe_close(probe);
    end_program(pid);
}

/* ---- files --------------------------------------------------------------------------------------- */

static const struct threadleak_probe_module *program_of(struct threadleak_probe *probe)
{
    const struct threadleak_probe_module *modules = threadleak_probe_modules(probe);
    for (uint32_t i = 0; i < threadleak_probe_info(probe)->module_count; i++)
        if (!strncmp(modules[i].path, built_folder, strlen(built_folder)))
            return &modules[i];
    fail_msg("the program is no module");
    return NULL;
}

static void test_modules(void **state)
{
    unsigned systems = 0, libc = 0;
    (void)state;
    pid_t pid = start_program("chains", NULL);
    struct threadleak_probe *probe = open_process(pid);
    const struct threadleak_probe_module *modules = threadleak_probe_modules(probe);
    uint32_t count = threadleak_probe_info(probe)->module_count;
    uint64_t end = 0;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(modules[i].start >= end && modules[i].end > modules[i].start);
        end = modules[i].end;
        systems += modules[i].is_system;
        assert_false(modules[i].is_other);
        if (strcmp(modules[i].path, "[vdso]"))
            assert_string_equal(modules[i].file, modules[i].path);
        libc += strstr(modules[i].path, "libc.so.6") && strlen(modules[i].build_id) == 40;
    }
    assert_int_equal(systems, count - 1);
    assert_int_equal(libc, 1);
    const struct threadleak_probe_module *program = program_of(probe);
    assert_string_equal(program->file, in_folder("chains"));
    assert_string_equal(threadleak_probe_info(probe)->program, in_folder("chains"));
    assert_int_equal(program->bias, program->start);
    threadleak_probe_close(probe);
    end_program(pid);
}

/* The debug information is in a file of its own, which .gnu_debuglink names. */
static void test_separate_file(void **state)
{
    static struct names names;
    (void)state;
    build("objcopy --only-keep-debug", "%s/chains %s/apart.debug");
    build("strip", "-o %s/apart %s/chains");
    build("objcopy", "--add-gnu-debuglink=%s/apart.debug %s/apart");
    pid_t pid = start_program("apart", NULL);
    struct threadleak_probe *probe = open_process(pid);
    check_lines(probe);
    threadleak_probe_close(probe);
    end_program(pid);

    build("strip", "-o %s/bare %s/chains");
    pid = start_program("bare", NULL);
    probe = open_process(pid);
    uint32_t count;
    read_names(probe, threadleak_probe_stacks(probe, &count), &names);
    assert_string_equal(names.frames[0].function, "pause");
    assert_null(names.frames[1].function);
    assert_non_null(program_of(probe)->file);
    threadleak_probe_close(probe);
    end_program(pid);
}

#define FORTY(text) TEN(text) TEN(text) TEN(text) TEN(text)
#define TEN(text) text text text text text text text text text text
#define EXPLODES "_Z" FORTY("N1AcvT_I") "i" FORTY("EE")

/* To demangle it takes for ever: it stays as it is. */
static void test_name_that_explodes(void **state)
{
    static struct names names;
    (void)state;
    build("objcopy --strip-debug --redefine-sym _ZL5blockv=" EXPLODES, "%s/chains %s/explodes");
    pid_t pid = start_program("explodes", NULL);
    struct threadleak_probe *probe = open_process(pid);
    assert_true(find_names(probe, EXPLODES, &names));
    assert_true(find_names(probe, "in_template", &names)); /* and all others are as they were */
    threadleak_probe_close(probe);
    end_program(pid);
}

/* The kernel still has the file of a process that was deleted; who may not ask for it reads it from memory.
 */
static void test_deleted_file(void **state)
{
    static struct names names;
    (void)state;
    build("cp", "%s/chains %s/deleted");
    pid_t pid = start_program("deleted", NULL);
    unlink(in_folder("deleted"));
    for (unsigned i = 0; i < 2; i++) {
        struct threadleak_probe *probe = open_process(pid);
        assert_true(find_names(probe, "main", &names));
        assert_int_equal(names.end, THREADLEAK_PROBE_COMPLETE);
        assert_false(program_of(probe)->is_other);
        assert_non_null(program_of(probe)->file);
        assert_string_equal(threadleak_probe_info(probe)->program, in_folder("deleted"));
        threadleak_probe_close(probe);
        build("cp", "/bin/true %s/deleted"); /* something else has its name now */
    }
    end_program(pid);
}

/* What was mapped once: by its path and build-id, and not where that may be another file. */
static void test_gone_file(void **state)
{
    const struct threadleak_probe_frame *frames;
    uint64_t address;
    (void)state;
    pid_t pid = start_program("chains", NULL);
    struct threadleak_probe *probe = open_process(pid);
    struct threadleak_probe_module module = *program_of(probe), wrong[5];
    assert_int_equal(threadleak_probe_find_symbol(probe, "in_template", &address, 1), 1);
    for (unsigned i = 0; i < 5; i++)
        wrong[i] = module;
    wrong[0].build_id = "0123456789abcdef0123456789abcdef01234567";
    wrong[1].build_id = "";
    wrong[2].build_id = "no build-id";
    wrong[3].start += 4096;
    wrong[4].end = wrong[4].start;
    for (unsigned i = 0; i < 5; i++)
        assert_null(threadleak_probe_open_gone(probe, &wrong[i]));
    struct threadleak_probe *gone = threadleak_probe_open_gone(probe, &module);
    assert_non_null(gone);
    threadleak_probe_close(probe);
    end_program(pid);
    assert_int_equal(threadleak_probe_info(gone)->thread_count, 0);
    assert_int_equal(threadleak_probe_symbolize(gone, address, THREADLEAK_PROBE_START, &frames), 1);
    assert_string_equal(frames->function, "in_template");
    assert_int_equal(frames->line, line_of(chains, "in_template") - 2);
    assert_int_equal(threadleak_probe_symbolize(gone, 16, 0, &frames), 1);
    assert_null(frames->function);
    threadleak_probe_close(gone);
}

/* A core alone: the file of that name may be another build. */
static void test_core_of_replaced_file(void **state)
{
    static struct names names;
    (void)state;
    build("cp", "%s/chains %s/original");
    build("cp", "%s/chains %s/replaced");
    const char *core = dump_core(start_program("replaced", NULL), "dumped");
    if (!core)
        skip();
    unlink(in_folder("replaced"));
    build("cp", "/bin/true %s/replaced");

    struct threadleak_probe *probe = open_unwound(threadleak_probe_open_core(core, NULL), 64);
    assert_false(find_names(probe, "main", &names));
    assert_true(program_of(probe)->is_other);
    assert_null(program_of(probe)->file);
    assert_null(threadleak_probe_info(probe)->program);
    threadleak_probe_close(probe);

    probe = open_unwound(threadleak_probe_open_core(core, in_folder("original")), 64);
    check_lines(probe);
    assert_string_equal(program_of(probe)->file, in_folder("original"));
    assert_false(program_of(probe)->is_other);
    threadleak_probe_close(probe);

    /* a named program of another build is not used either */
    probe = open_unwound(threadleak_probe_open_core(core, "/bin/true"), 64);
    assert_false(find_names(probe, "main", &names));
    threadleak_probe_close(probe);
}

/* Pages of code are in no core; the file has them. Those that the program may write are not taken from there.
 */
static void test_pages_of_files(void **state)
{
    uint64_t code, data;
    uint8_t bytes[4] = {0};
    (void)state;
    const char *core = dump_core(start_program("chains", NULL), "dumped");
    if (!core)
        skip();
    struct threadleak_probe *probe = threadleak_probe_open_core(core, NULL);
    assert_non_null(probe);
    assert_int_equal(threadleak_probe_find_symbol(probe, "in_template", &code, 1), 1);
    assert_int_equal(threadleak_probe_find_symbol(probe, "variable", &data, 1), 1);
    assert_int_equal(threadleak_probe_read(probe, code, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(threadleak_probe_read(probe, data, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(bytes[0], 1);
    threadleak_probe_close(probe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compilers),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_system_library),
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_separate_file),
        cmocka_unit_test(test_name_that_explodes),
        cmocka_unit_test(test_deleted_file),
        cmocka_unit_test(test_gone_file),
        cmocka_unit_test(test_core_of_replaced_file),
        cmocka_unit_test(test_pages_of_files),
    };
    return cmocka_run_group_tests(tests, build_first, remove_folder);
}
