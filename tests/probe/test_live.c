/* SPDX-License-Identifier: MIT
 *
 * A live process that is not stopped (helper/probe/live.c, watch.c, descriptor.c).
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/ptrace.h>

#include "arch.h"
#include "error.h"
#include "live.h"

static struct source *open_child(const struct child *child, unsigned flags)
{
    struct source *source = live_open(child->pid, flags);
    if (!source)
        fail_msg("%s", threadleak_probe_error());
    return source;
}

static uint32_t index_of(const struct source *source, uint32_t own_tid)
{
    for (uint32_t i = 0; i < source->info.thread_count; i++)
        if (source->threads[i].own_tid == own_tid)
            return i;
    fail_msg("thread %u is not listed", own_tid);
    return 0;
}

/* Looks until the thread is in that state. */
static struct threadleak_probe_thread *look(struct source *source, uint32_t own_tid, uint32_t state)
{
    static struct registers registers;
    uint32_t index = index_of(source, own_tid);
    struct threadleak_probe_thread *thread = &source->threads[index];
    memset(&registers, 0, sizeof registers);
    await(source->operations->look(source, index, &registers) && thread->state == state);
    uint64_t known = UINT64_C(1) << source->arch->sp;
    if (source->arch->pc >= 0)
        known |= UINT64_C(1) << source->arch->pc;
    assert_int_equal(registers.known, thread->sp ? known : 0);
    return thread;
}

/* ---- states -------------------------------------------------------------------------------------- */

static int pipe_ends[2];
static sem_t semaphore;

static void *reader(void *shared)
{
    char byte;
    prctl(PR_SET_NAME, "a reader)\n of x");
    note_thread(shared, 1);
    while (read(pipe_ends[0], &byte, 1) != 1) {
        /* never comes */
    }
    return NULL;
}

static void *waiter(void *argument)
{
    struct shared *shared = argument;
    prctl(PR_SET_NAME, "");
    note_thread(shared, 2);
    for (;;)
        sem_wait(&semaphore);
    return NULL;
}

static void *spinner(void *argument)
{
    struct shared *shared = argument;
    prctl(PR_SET_NAME, "fifteen-letters");
    note_thread(shared, 3);
    for (;;)
        atomic_fetch_add(&shared->count, 1);
    return NULL;
}

static void three_threads(struct shared *shared)
{
    pthread_t thread;
    pthread_attr_t attributes;
    assert_int_equal(pipe(pipe_ends), 0);
    shared->address[0] = (uint64_t)pipe_ends[0];
    note_thread(shared, 0);
    pthread_create(&thread, NULL, reader, shared);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 16384 * 4);
    pthread_create(&thread, &attributes, waiter, shared);
    pthread_create(&thread, NULL, spinner, shared);
    prctl(PR_SET_NAME, "main one");
    atomic_fetch_add(&shared->arrived, 1);
}

static void test_states(void **state)
{
    (void)state;
    struct child child = start_child(three_threads);
    struct shared *shared = child.shared;
    await(shared->arrived == 5);
    struct source *source = open_child(&child, 0);
    assert_int_equal(source->info.kind, THREADLEAK_PROBE_PROCESS);
    assert_int_equal(source->info.pid, child.pid);
    assert_int_equal(source->info.own_pid, child.pid);
    assert_int_equal(source->info.thread_count, 4);
    assert_string_equal(source->info.command, "main one");
    assert_int_equal(source->info.machine, source->arch->machine);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(source->threads[i].state, THREADLEAK_PROBE_ALIVE);
        assert_int_equal(source->threads[i].sp, 0);
        assert_int_equal(source->threads[i].tid, source->threads[i].own_tid);
    }

    struct threadleak_probe_thread *thread = look(source, shared->tid[1], THREADLEAK_PROBE_BLOCKED);
    assert_int_equal(thread->syscall, SYS_read);
    assert_int_equal(thread->arguments[0], shared->address[0]);
    assert_int_equal(thread->arguments[2], 1);
    assert_true(thread->sp && thread->pc);
    thread = look(source, shared->tid[2], THREADLEAK_PROBE_BLOCKED);
    assert_int_equal(thread->syscall, SYS_futex);
    thread = look(source, shared->tid[3], THREADLEAK_PROBE_RUNNING);
    assert_int_equal(thread->syscall, -1);
    assert_int_equal(thread->sp, 0);
    assert_false(source->operations->stood_still(source, index_of(source, shared->tid[3])));
    look(source, shared->tid[0], THREADLEAK_PROBE_BLOCKED);

    const char *names[] = {"main one", "a reader)\n of x", "", "fifteen-letters"};
    for (unsigned i = 0; i < 4; i++) {
        uint32_t index = index_of(source, shared->tid[i]);
        assert_string_equal(source->operations->thread_name(source, index), names[i]);
        /* the spinner's stack pointer is not known, and so neither is its descriptor */
        assert_int_equal(source->threads[index].pthread, 0);
        source->operations->find_pthread(source, index);
        if (source->arch == &arch_x86_64)
            assert_int_equal(source->threads[index].pthread, i == 3 ? 0 : shared->pthread[i]);
    }
    source->operations->close(source);
    end_child(&child);
}

/* ---- standing still ------------------------------------------------------------------------------ */

static void *stepper(void *argument)
{
    struct shared *shared = argument;
    note_thread(shared, 1);
    unsigned seen = 0;
    char byte;
    for (;;) {
        assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
        atomic_store(&shared->count, ++seen);
    }
    return NULL;
}

static void step_on_demand(struct shared *shared)
{
    pthread_t thread;
    assert_int_equal(pipe(pipe_ends), 0);
    pthread_create(&thread, NULL, stepper, shared);
    for (unsigned done = 0;;) {
        if (shared->go == done) {
            sleep_ms(1);
            continue;
        }
        done++;
        assert_int_equal(write(pipe_ends[1], "x", 1), 1);
    }
}

/* It comes back to the same call with the same stack: the run count alone tells. */
static void test_stood_still(void **state)
{
    (void)state;
    struct child child = start_child(step_on_demand);
    struct shared *shared = child.shared;
    await(shared->arrived == 1);
    struct source *source = open_child(&child, 0);
    uint32_t index = index_of(source, shared->tid[1]);
    assert_false(source->operations->stood_still(source, index)); /* never looked at */
    look(source, shared->tid[1], THREADLEAK_PROBE_BLOCKED);
    sleep_ms(20);
    look(source, shared->tid[1], THREADLEAK_PROBE_BLOCKED);
    for (int i = 0; i < 3; i++)
        assert_true(source->operations->stood_still(source, index));
    look(source, shared->tid[0] ? shared->tid[0] : (uint32_t)child.pid, THREADLEAK_PROBE_BLOCKED);
    assert_true(source->operations->stood_still(source, index)); /* after a look at another one */

    struct threadleak_probe_thread before = source->threads[index];
    shared->go = 1;
    await(shared->count == 1);
    sleep_ms(20);
    assert_false(source->operations->stood_still(source, index));
    look(source, shared->tid[1], THREADLEAK_PROBE_BLOCKED);
    assert_memory_equal(&before, &source->threads[index], sizeof before);
    source->operations->close(source);
    end_child(&child);
}

/* ---- threads that come and go -------------------------------------------------------------------- */

static void *on_its_own(void *argument)
{
    struct shared *shared = argument;
    note_thread(shared, 1);
    while (!shared->go)
        sleep_ms(1);
    return NULL;
}

static void main_leaves(struct shared *shared)
{
    pthread_t thread;
    shared->address[0] = (uint64_t)(uintptr_t)shared;
    pthread_create(&thread, NULL, on_its_own, shared);
    while (!shared->arrived)
        sleep_ms(1);
    pthread_exit(NULL);
}

static void test_main_has_left(void **state)
{
    (void)state;
    struct child child = start_child(main_leaves);
    struct shared *shared = child.shared;
    int tracer;
    await(state_of_thread(child.pid, (uint32_t)child.pid, &tracer) == 'Z');
    struct source *source = open_child(&child, 0);
    assert_int_equal(source->info.thread_count, 1);
    assert_int_equal(source->info.own_pid, child.pid);
    assert_true(source->mapping_count > 3 && source->program && source->vdso);
    look(source, shared->tid[1], THREADLEAK_PROBE_BLOCKED);
    struct shared copy;
    assert_int_equal(source->operations->read(source, shared->address[0], &copy, sizeof copy), sizeof copy);
    assert_int_equal(copy.tid[1], shared->tid[1]);
    assert_int_equal(access(source->root, F_OK), 0);
    source->operations->close(source);
    end_child(&child);
}

/* Main leaves while we look: memory is then read through another thread. */
static void main_leaves_later(struct shared *shared)
{
    pthread_t thread;
    shared->address[0] = (uint64_t)(uintptr_t)shared;
    pthread_create(&thread, NULL, on_its_own, shared);
    pthread_create(&thread, NULL, pausing, shared);
    while (shared->go != 2)
        sleep_ms(1);
    pthread_exit(NULL);
}

static void test_ended_meanwhile(void **state)
{
    (void)state;
    struct child child = start_child(main_leaves_later);
    struct shared *shared = child.shared;
    struct registers registers = {{0}, 0};
    int tracer;
    uint64_t word;
    await(shared->arrived == 2);
    struct source *source = open_child(&child, 0);
    assert_int_equal(source->info.thread_count, 3);
    shared->go = 2;
    await(!state_of_thread(child.pid, shared->tid[1], &tracer));
    await(state_of_thread(child.pid, (uint32_t)child.pid, &tracer) == 'Z');
    assert_false(source->operations->look(source, index_of(source, shared->tid[1]), &registers));
    assert_non_null(strstr(threadleak_probe_error(), "has ended"));
    assert_false(source->operations->look(source, index_of(source, (uint32_t)child.pid), &registers));
    assert_null(source->operations->thread_name(source, index_of(source, shared->tid[1])));
    assert_int_equal(source->operations->read(source, shared->address[0], &word, sizeof word), sizeof word);
    look(source, shared->tid[2], THREADLEAK_PROBE_BLOCKED);

    kill(child.pid, SIGKILL);
    await(!source->operations->look(source, index_of(source, shared->tid[2]), &registers));
    await(!source->operations->read(source, shared->address[0], &word, sizeof word));
    source->operations->close(source);
    assert_null(live_open(child.pid, 0));
    assert_non_null(strstr(threadleak_probe_error(), "has ended"));
    end_child(&child);
}

/* ---- memory -------------------------------------------------------------------------------------- */

static void map_holes(struct shared *shared)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 6 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(memory, 'm', 6 * page);
    munmap(memory + 2 * page, page);
    mprotect(memory + 4 * page, page, PROT_NONE);
    shared->address[0] = (uint64_t)(uintptr_t)memory;
    atomic_fetch_add(&shared->arrived, 1);
}

static void test_memory(void **state)
{
    (void)state;
    struct child child = start_child(map_holes);
    await(child.shared->arrived == 1);
    struct source *source = open_child(&child, 0);
    uint64_t start = child.shared->address[0], page = (uint64_t)sysconf(_SC_PAGESIZE);
    char *buffer = calloc(6, page);
    size_t (*read_at)(struct source *, uint64_t, void *, size_t) = source->operations->read;
    assert_int_equal(read_at(source, start, buffer, 6 * page), 2 * page);
    assert_int_equal(buffer[2 * page - 1], 'm');
    assert_int_equal(buffer[2 * page], 0);
    assert_int_equal(read_at(source, start + page + 5, buffer, 3 * page), page - 5);
    assert_int_equal(read_at(source, start + 2 * page, buffer, page), 0);
    assert_int_equal(read_at(source, start + 3 * page - 1, buffer, page), 0);
    assert_int_equal(read_at(source, start + 3 * page, buffer, 3 * page), page);
    assert_int_equal(read_at(source, start + 4 * page, buffer, page), 0);
    assert_int_equal(read_at(source, start + 5 * page, buffer, 0), 0);
    assert_int_equal(read_at(source, 0, buffer, page), 0);
    assert_int_equal(read_at(source, UINT64_MAX - 3, buffer, page), 0);
    assert_int_equal(read_at(source, UINT64_C(1) << 63, buffer, page), 0);
    free(buffer);
    source->operations->close(source);
    end_child(&child);
}

/* ---- mappings ------------------------------------------------------------------------------------ */

static void map_deleted_file(struct shared *shared)
{
    char name[] = "/tmp/threadleak a\nb-XXXXXX";
    int file = mkstemp(name);
    assert_true(file >= 0 && !ftruncate(file, 3 * 4096));
    void *memory = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 2 * 4096);
    unlink(name);
    shared->address[0] = (uint64_t)(uintptr_t)memory;
    atomic_fetch_add(&shared->arrived, 1);
}

static void test_mappings(void **state)
{
    (void)state;
    struct child child = start_child(map_deleted_file);
    await(child.shared->arrived == 1);
    struct source *source = open_child(&child, 0);
    const struct mapping *found = NULL;
    bool has_program = false;
    uint64_t end = 0;
    for (size_t i = 0; i < source->mapping_count; i++) {
        const struct mapping *mapping = &source->mappings[i];
        assert_true(mapping->start >= end && mapping->end > mapping->start && mapping->path[0] == '/');
        end = mapping->end;
        has_program |= mapping->start <= source->program && source->program < mapping->end;
        if (mapping->start == child.shared->address[0])
            found = mapping;
    }
    assert_true(has_program);
    assert_non_null(found);
    assert_int_equal(found->offset, 2 * 4096);
    assert_non_null(strstr(found->path, "/threadleak a\nb-"));
    assert_null(strstr(found->path, "deleted"));
    char magic[4];
    assert_int_equal(source->operations->read(source, source->vdso, magic, 4), 4);
    assert_memory_equal(magic, "\177ELF", 4);
    source->operations->close(source);
    end_child(&child);
}

/* ---- namespaces ---------------------------------------------------------------------------------- */

static void thread_in_namespace(struct shared *shared)
{
    if (unshare(CLONE_NEWPID)) {
        shared->arrived = 100 + (unsigned)errno;
        return;
    }
    pid_t inner = fork();
    if (inner) {
        shared->pid = (unsigned)inner;
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pthread_t thread;
    pthread_create(&thread, NULL, pausing, shared);
}

static void test_other_namespace(void **state)
{
    (void)state;
    struct child child = start_child(thread_in_namespace);
    struct shared *shared = child.shared;
    await(shared->arrived >= 100 || (shared->arrived == 1 && shared->pid));
    if (shared->arrived >= 100) {
        print_message("skipped: no PID namespace can be made: %s\n", strerror((int)shared->arrived - 100));
        end_child(&child);
        skip();
    }
    struct child inner = {(pid_t)shared->pid, shared};
    struct source *source = open_child(&inner, 0);
    assert_int_equal(source->info.pid, shared->pid);
    assert_int_equal(source->info.own_pid, 1);
    assert_int_equal(source->info.thread_count, 2);
    assert_int_equal(source->threads[0].own_tid, 1);
    assert_int_equal(source->threads[0].tid, shared->pid);
    assert_int_equal(source->threads[1].own_tid, shared->tid[2]);
    assert_true(source->threads[1].tid != shared->tid[2]);
    struct threadleak_probe_thread *thread = look(source, shared->tid[2], THREADLEAK_PROBE_BLOCKED);
    source->operations->find_pthread(source, index_of(source, shared->tid[2]));
    if (source->arch == &arch_x86_64)
        assert_int_equal(thread->pthread, shared->pthread[2]);
    source->operations->close(source);
    end_child(&child);
}

/* ---- what cannot be looked at -------------------------------------------------------------------- */

static void nothing(struct shared *shared)
{
    pthread_t thread;
    pthread_create(&thread, NULL, pausing, shared);
}

static void assert_refused(int pid, unsigned flags, const char *why)
{
    assert_null(live_open(pid, flags));
    if (!strstr(threadleak_probe_error(), why))
        fail_msg("\"%s\" does not say \"%s\"", threadleak_probe_error(), why);
}

static void test_refused(void **state)
{
    (void)state;
    struct child child = start_child(nothing);
    await(child.shared->arrived == 1);
    assert_refused(0, 0, "there is no process 0");
    assert_refused(-1, 0, "there is no process -1");
    assert_refused(0x7fffffff, 0, "there is no process 2147483647");
    assert_refused((int)child.shared->tid[2], 0, "is a thread of process");
    assert_refused(getpid(), THREADLEAK_PROBE_STOP, "cannot stop itself");
    end_child(&child);
    assert_refused(child.pid, 0, "there is no process");
}

/* ---- stopped by somebody else -------------------------------------------------------------------- */

static void test_stopped_by_a_debugger(void **state)
{
    (void)state;
    struct child child = start_child(three_threads);
    struct shared *shared = child.shared;
    await(shared->arrived == 5);
    int status;
    assert_int_equal(ptrace(PTRACE_SEIZE, child.pid, NULL, NULL), 0);
    assert_int_equal(ptrace(PTRACE_INTERRUPT, child.pid, NULL, NULL), 0);
    assert_int_equal(waitpid(child.pid, &status, __WALL), child.pid);

    struct source *source = open_child(&child, THREADLEAK_PROBE_STOPPED);
    uint32_t index = index_of(source, (uint32_t)child.pid);
    struct registers registers = {{0}, 0};
    assert_true(source->operations->look(source, index, &registers));
    assert_true(source->threads[index].sp && registers.known);
    assert_true(source->operations->stood_still(source, index));
    uint64_t sp = source->threads[index].sp, given = registers.known | 1;
    registers.value[0] = 77;
    registers.known = given;
    assert_true(source->operations->look(source, index, &registers));
    assert_int_equal(registers.value[0], 77);
    assert_int_equal(registers.known, given);
    assert_int_equal(source->threads[index].sp, sp);
    source->operations->close(source);
    ptrace(PTRACE_DETACH, child.pid, NULL, NULL);
    end_child(&child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_stood_still),
        cmocka_unit_test(test_main_has_left),
        cmocka_unit_test(test_ended_meanwhile),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_mappings),
        cmocka_unit_test(test_other_namespace),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_stopped_by_a_debugger),
    };
    return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
