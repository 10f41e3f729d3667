/* SPDX-License-Identifier: MIT
 *
 * A core that the kernel wrote: of a child of this program that has a thread in each state, tells what it
 * knows of itself through shared memory, and aborts.
 */
#include <elf.h>
#include <glob.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch.h"
#include "source.h"
#include "states.h"

enum state { IN_PAUSE, IN_SEM_WAIT, IN_POLL, IN_USER_SPACE, IN_HANDLER, ABORTS, STATES };

/* What the child says. */
static struct knowledge {
    struct {
        uint32_t tid;
        uint64_t pthread, local; /* an address on its stack, whose content is `tid` */
    } threads[STATES];
    uint64_t program, vdso, function;
    atomic_int ready;
} * known;

static char pattern[3 * 4096]; /* of .bss, read across pages */
static char scratch[] = "build/tests/core-XXXXXX";
static char core[64];
static struct source *source;

/* ---- the child ----------------------------------------------------------------------------------- */

static sem_t never;
static struct pollfd no_file = {.fd = -1};

static void in_handler(int signal)
{
    (void)signal;
    known->ready++;
    pause();
}

static void *be(void *argument)
{
    enum state state = (enum state)(intptr_t)argument;
    volatile uint32_t local = (uint32_t)gettid();
    known->threads[state].tid = local;
    known->threads[state].pthread = (uint64_t)pthread_self();
    known->threads[state].local = (uintptr_t)&local;
    if (state == IN_HANDLER)
        pthread_kill(pthread_self(), SIGUSR1);
    known->ready++;
    if (state == IN_PAUSE)
        pause();
    if (state == IN_SEM_WAIT)
        sem_wait(&never);
    if (state == IN_POLL)
        poll(&no_file, 1, 1000000);
    if (state == IN_USER_SPACE)
        for (;;)
            local = local;
    return NULL;
}

static _Noreturn void child(int go)
{
    struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    char byte;
    signal(SIGUSR1, in_handler);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (char)(i * 7);
    known->program = getauxval(AT_PHDR);
    known->vdso = getauxval(AT_SYSINFO_EHDR);
    known->function = (uintptr_t)be;
    for (intptr_t state = 0; state < ABORTS; state++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, be, (void *)state) != 0)
            _exit(1);
    }
    volatile uint32_t local = (uint32_t)gettid();
    known->threads[ABORTS].tid = local;
    known->threads[ABORTS].pthread = (uint64_t)pthread_self();
    known->threads[ABORTS].local = (uintptr_t)&local;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (read(go, &byte, 1) != 1 || chdir(scratch) != 0 || setrlimit(RLIMIT_CORE, &unlimited) != 0)
        _exit(1);
    abort();
}

/* ---- the test ------------------------------------------------------------------------------------ */

/* Main and all threads but the one that runs. */
static void await_rest(pid_t pid)
{
    while (known->ready < STATES - 1 || threads_in_state(pid, 'S') < STATES - 1)
        usleep(1000);
}

/* A stop and a continue: from then on a call with a timeout is in restart_syscall. */
static void stop_and_continue(pid_t pid)
{
    int status;
    await_rest(pid);
    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    kill(pid, SIGCONT);
    await_rest(pid);
}

static int dump(void **state)
{
    (void)state;
    int go[2], status;
    known = mmap(NULL, sizeof *known, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (known == MAP_FAILED || pipe(go) != 0 || !mkdtemp(scratch))
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        child(go[0]);
    stop_and_continue(pid);
    if (write(go[1], "", 1) != 1 || waitpid(pid, &status, 0) != pid || !WCOREDUMP(status))
        return -1;

    char names[64];
    glob_t found;
    snprintf(names, sizeof names, "%s/core*", scratch);
    if (glob(names, 0, NULL, &found) != 0) {
        fprintf(stderr, "no core in %s: /proc/sys/kernel/core_pattern sends it elsewhere\n", scratch);
        return -1;
    }
    snprintf(core, sizeof core, "%s", found.gl_pathv[0]);
    globfree(&found);
    source = core_open(core);
    return source && source->info.own_pid == (uint32_t)pid ? 0 : -1;
}

static int clean(void **state)
{
    (void)state;
    if (source)
        source->operations->close(source);
    unlink(core);
    return rmdir(scratch);
}

static uint32_t index_of(enum state state)
{
    for (uint32_t i = 0; i < source->info.thread_count; i++)
        if (source->threads[i].tid == known->threads[state].tid)
            return i;
    fail_msg("thread %d is not in the core", state);
    return 0;
}

static const struct threadleak_probe_thread *look(enum state state, struct registers *registers)
{
    uint32_t index = index_of(state);
    assert_true(source->operations->look(source, index, registers));
    return &source->threads[index];
}

static void has_each_thread(void **state)
{
    (void)state;
    assert_int_equal(source->info.thread_count, STATES);
    assert_int_equal(source->info.machine, arch_native()->machine);
    assert_int_equal(source->info.missing, 0);
    assert_string_equal(source->info.command, "test_core");
    for (int i = 0; i < STATES; i++)
        assert_int_equal(source->threads[index_of(i)].pthread, known->threads[i].pthread);
    assert_int_equal(source->threads[0].tid, known->threads[ABORTS].tid); /* the one that died is first */
}

static void tells_what_they_do(void **state)
{
    (void)state;
    struct registers registers;
    const struct threadleak_probe_thread *thread = look(IN_SEM_WAIT, &registers);
    assert_int_equal(thread->state, THREADLEAK_PROBE_BLOCKED);
    assert_int_equal(thread->syscall, SYS_futex);
    assert_int_equal(thread->arguments[0], (uintptr_t)&never); /* the child's is where ours is */
    assert_int_equal(look(IN_PAUSE, &registers)->syscall, SYS_pause);
    assert_int_equal(look(IN_HANDLER, &registers)->syscall, SYS_pause);
    assert_int_equal(look(ABORTS, &registers)->syscall, SYS_tgkill);

    thread = look(IN_POLL, &registers);
    assert_int_equal(thread->state, THREADLEAK_PROBE_BLOCKED);
    assert_int_equal(thread->syscall, SYS_restart_syscall);
    assert_int_equal(thread->arguments[0], (uintptr_t)&no_file);

    thread = look(IN_USER_SPACE, &registers);
    assert_int_equal(thread->state, THREADLEAK_PROBE_RUNNING);
    assert_int_equal(thread->syscall, -1);
    assert_in_range(thread->pc, known->function, known->function + 4096);
}

static void gives_registers_and_stacks(void **state)
{
    (void)state;
    for (int i = 0; i < STATES; i++) {
        struct registers registers;
        uint32_t value = 0;
        const struct threadleak_probe_thread *thread = look(i, &registers);
        assert_int_equal(registers.value[source->arch->sp], thread->sp);
        assert_int_equal(registers.value[source->arch->pc], thread->pc);
        assert_in_range(known->threads[i].local - thread->sp, 0, 8192);
        assert_int_equal(source->operations->read(source, known->threads[i].local, &value, sizeof value),
                         sizeof value);
        assert_int_equal(value, known->threads[i].tid);
        assert_true(source->operations->stood_still(source, index_of(i)));
        assert_null(source->operations->thread_name(source, index_of(i)));
    }
}

static void gives_memory(void **state)
{
    (void)state;
    char found[sizeof pattern], expected[sizeof pattern];
    for (size_t i = 0; i < sizeof pattern; i++)
        expected[i] = (char)(i * 7);
    assert_int_equal(source->operations->read(source, (uintptr_t)pattern, found, sizeof found), sizeof found);
    assert_memory_equal(found, expected, sizeof found);
    for (size_t i = 0; i + 8 <= sizeof pattern; i += 1021) {
        assert_int_equal(source->operations->read(source, (uintptr_t)pattern + i, found, 8), 8);
        assert_memory_equal(found, expected + i, 8);
    }
    assert_int_equal(source->operations->read(source, 0, found, 8), 0);
    assert_int_equal(source->operations->read(source, known->function, found, 8), 0); /* code is left out */
}

static void knows_the_mapped_files(void **state)
{
    (void)state;
    char magic[SELFMAG], self[512];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(size > 0);
    self[size] = '\0';
    assert_int_equal(source->program, known->program);
    assert_int_equal(source->vdso, known->vdso);
    assert_int_equal(source->operations->read(source, source->vdso, magic, sizeof magic), sizeof magic);
    assert_memory_equal(magic, ELFMAG, SELFMAG);
    const struct mapping *code = NULL;
    for (size_t i = 0; i < source->mapping_count; i++) {
        const struct mapping *mapping = &source->mappings[i];
        assert_true(i == 0 || mapping->start >= mapping[-1].end);
        if (mapping->start <= known->function && known->function < mapping->end)
            code = mapping;
    }
    assert_non_null(code);
    assert_string_equal(code->path, self);
}

/* Whoever looks is not killed when somebody cuts the file meanwhile. */
static void survives_that_the_file_shrinks(void **state)
{
    (void)state;
    uint32_t found;
    uint64_t behind = known->threads[ABORTS].local; /* main's stack is near the end of the file */
    struct source *again = core_open(core);
    assert_non_null(again);
    assert_int_equal(truncate(core, 8192), 0);
    assert_int_equal(again->operations->read(again, behind, &found, sizeof found), 0);
    again->operations->close(again);

    again = core_open(core);
    assert_non_null(again);
    assert_true(again->info.missing > 0);
    again->operations->close(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_each_thread),
        cmocka_unit_test(tells_what_they_do),
        cmocka_unit_test(gives_registers_and_stacks),
        cmocka_unit_test(gives_memory),
        cmocka_unit_test(knows_the_mapped_files),
        cmocka_unit_test(survives_that_the_file_shrinks),
    };
    return cmocka_run_group_tests(tests, dump, clean);
}
