/* SPDX-License-Identifier: MIT
 *
 * Programs that are cut short while a probe looks at what ran them (helper/probe/cut_files.c): it lives, and
 * tells what is left, or nothing; never a part of a name.
 */
#include "built.h"

#include <sys/mman.h>
#include <sys/stat.h>

enum { PAGE = 4096, KNOWN_MAX = 256 };

static char *core, *program;
static off_t size;

/* By pc, as the whole program has them. */
static struct known {
    uint64_t pc;
    char name[256];
} known[KNOWN_MAX];
static unsigned known_count;

/* Cores have no pages of code: what is not on disk cannot be had. */
static int make_core(void **state)
{
    struct stat status;
    if (make_folder(state))
        return -1;
    build("g++ -std=c++17 -g -O0", SOURCES "chains.cc -o %s/original -pthread -ldl");
    build("cp", "%s/original %s/chains");
    pid_t pid = start_program("chains", NULL);
    struct threadleak_probe *probe = threadleak_probe_open_process((int)pid, 0);
    core = strdup(in_folder("core"));
    program = strdup(in_folder("chains"));
    struct threadleak_probe_snapshot made;
    bool is_made = probe && !threadleak_probe_snapshot(probe, core, NULL, 0, &made);
    threadleak_probe_close(probe);
    end_program(pid);
    size = stat(program, &status) ? 0 : status.st_size;
    return is_made && size ? 0 : -1;
}

typedef void use_name(uint64_t pc, const char *name);

static void each_name(struct threadleak_probe *probe, use_name *use)
{
    uint32_t count;
    const struct threadleak_probe_stack *stacks = threadleak_probe_stacks(probe, &count);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < stacks[i].count; k++) {
            const struct threadleak_probe_frame *frames;
            uint64_t pc = stacks[i].frames[k] & ~THREADLEAK_PROBE_EXACT;
            int inlined = threadleak_probe_symbolize(probe, pc, THREADLEAK_PROBE_LINES, &frames);
            use(pc, frames[inlined - 1].function);
            const char *name = threadleak_probe_variable_at(probe, pc);
            use(pc + 1, name ? name : threadleak_probe_symbol_at(probe, pc));
        }
}

static struct known *find_known(uint64_t pc)
{
    unsigned at = 0;
    while (at < known_count && known[at].pc != pc)
        at++;
    assert_true(at < KNOWN_MAX);
    return &known[at];
}

static void learn(uint64_t pc, const char *name)
{
    struct known *place = find_known(pc);
    known_count += place == &known[known_count];
    place->pc = pc;
    snprintf(place->name, sizeof place->name, "%s", name ? name : "");
}

static void check(uint64_t pc, const char *name)
{
    const struct known *place = find_known(pc);
    if (name && place < &known[known_count])
        assert_string_equal(name, place->name);
}

static void look_at_all(struct threadleak_probe *probe, use_name *use)
{
    uint8_t bytes[64];
    assert_int_equal(threadleak_probe_unwind(probe, THREADLEAK_PROBE_ALL, 64), 0);
    each_name(probe, use);
    assert_non_null(threadleak_probe_modules(probe));
    threadleak_probe_read(probe, known[0].pc, bytes, sizeof bytes);
}

static const struct threadleak_probe_module *program_of(struct threadleak_probe *probe)
{
    const struct threadleak_probe_module *modules = threadleak_probe_modules(probe);
    uint32_t at = 0;
    while (strcmp(modules[at].path, program))
        assert_true(++at < threadleak_probe_info(probe)->module_count);
    return &modules[at];
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    struct threadleak_probe *probe = threadleak_probe_open_core(core, NULL);
    look_at_all(probe, learn);
    threadleak_probe_close(probe);
    assert_true(known_count > 10);
    for (off_t left = 0; left < size; left += left % PAGE ? PAGE - 1 : 1) {
        for (unsigned seen = 0; seen < 3; seen++) {
            build("cp", "%s/original %s/chains");
            probe = threadleak_probe_open_core(core, NULL);
            assert_string_equal(threadleak_probe_info(probe)->program, program);
            if (seen > 0)
                assert_int_equal(threadleak_probe_unwind(probe, THREADLEAK_PROBE_ALL, 64), 0);
            if (seen > 1)
                each_name(probe, check);
            assert_int_equal(truncate(program, left), 0);
            look_at_all(probe, check);
            if (!left && !seen) {
                assert_true(program_of(probe)->is_other);
                assert_null(program_of(probe)->file);
            }
            threadleak_probe_close(probe);
        }
    }
}

/* ---- SIGBUS that is not ours --------------------------------------------------------------------- */

static char *cut_page(void)
{
    int file = memfd_create("cut", MFD_CLOEXEC);
    assert_int_equal(ftruncate(file, PAGE), 0);
    char *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0);
    assert_true(page != MAP_FAILED);
    assert_int_equal(ftruncate(file, 0), 0);
    close(file);
    return page;
}

static struct sigaction handled(void)
{
    struct sigaction now;
    assert_int_equal(sigaction(SIGBUS, NULL, &now), 0);
    return now;
}

/* How a child ends that has a file guarded and does that. */
static int end_of(void (*action)(void), void (*handler)(int))
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (!child) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGBUS, handler);
        struct threadleak_probe *probe = threadleak_probe_open_core(core, NULL);
        threadleak_probe_info(probe);
        action();
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void touch(void)
{
    *(volatile char *)cut_page();
}

static void send_it(void)
{
    kill(getpid(), SIGBUS);
}

static void leave(int number)
{
    _exit(number);
}

static void test_others_are_left_alone(void **state)
{
    (void)state;
    build("cp", "%s/original %s/chains");
    assert_int_equal(WTERMSIG(end_of(touch, SIG_DFL)), SIGBUS);
    assert_int_equal(WTERMSIG(end_of(touch, SIG_IGN)), SIGBUS);
    assert_int_equal(WTERMSIG(end_of(send_it, SIG_DFL)), SIGBUS);
    assert_int_equal(WEXITSTATUS(end_of(send_it, SIG_IGN)), 1);
    assert_int_equal(WEXITSTATUS(end_of(touch, leave)), SIGBUS);
    assert_int_equal(WEXITSTATUS(end_of(send_it, leave)), SIGBUS);
}

static void test_handler_goes_with_the_files(void **state)
{
    (void)state;
    signal(SIGBUS, leave);
    struct threadleak_probe *one = threadleak_probe_open_core(core, NULL);
    struct threadleak_probe *other = threadleak_probe_open_core(core, NULL);
    threadleak_probe_info(one);
    threadleak_probe_info(other);
    threadleak_probe_close(one);
    assert_true(handled().sa_flags & SA_SIGINFO);
    threadleak_probe_close(other);
    assert_false(handled().sa_flags & SA_SIGINFO);
    assert_ptr_equal(handled().sa_handler, leave);
    signal(SIGBUS, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_others_are_left_alone),
        cmocka_unit_test(test_handler_goes_with_the_files),
    };
    return cmocka_run_group_tests(tests, make_core, remove_folder);
}
