/* SPDX-License-Identifier: MIT
 *
 * Small cores of live processes (helper/probe/snapshot.c): our own reader finds in them what the process has.
 * That GDB opens them too is tested in tests/shell/test_snapshot.py.
 */
#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "threadleak_probe.h"

static char folder[] = "/tmp/threadleak-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.core", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static int files_in_folder(void)
{
    DIR *list = opendir(folder);
    int count = 0;
    while (readdir(list))
        count++;
    closedir(list);
    return count - 2;
}

/* ---- a process ----------------------------------------------------------------------------------- */

static char data[] = "in .data";
static char bss[100000];
static volatile int quit;

static void *spin(void *shared)
{
    prctl(PR_SET_NAME, "spinner");
    note_thread(shared, 1);
    while (!quit) {
        /* as long as the test runs */
    }
    return NULL;
}

static void *finish(void *argument)
{
    return argument;
}

static void *wait_for_lock(void *argument)
{
    struct shared *shared = argument;
    prctl(PR_SET_NAME, "waits\nfor it");
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)shared->address[0];
    note_thread(shared, 2);
    pthread_mutex_lock(lock);
    return NULL;
}

static void some_threads(struct shared *shared)
{
    pthread_t thread;
    pthread_mutex_t *lock = malloc(sizeof *lock);
    pthread_mutex_init(lock, NULL);
    pthread_mutex_lock(lock);
    shared->address[0] = (uint64_t)(uintptr_t)lock;
    char *heap = malloc(1 << 20);
    memset(heap, 'h', 1 << 20);
    shared->address[1] = (uint64_t)(uintptr_t)heap;
    data[0] = 'I';
    strcpy(bss + 50000, "in .bss");
    pthread_create(&thread, NULL, spin, shared);
    pthread_create(&thread, NULL, wait_for_lock, shared);
    pthread_create(&thread, NULL, finish, shared);
    shared->pthread[3] = (uint64_t)thread;
    open("/dev/null", O_WRONLY | O_APPEND);
    note_thread(shared, 0);
}

/* The kernel keeps the one that finishes for a while after it has said that it is done. */
static void await_threads(const struct child *child)
{
    await(child->shared->arrived == 3);
    await(threads_in_state(child->pid, 0) == 3);
}

static struct threadleak_probe *open_process(const struct child *child, unsigned flags)
{
    struct threadleak_probe *probe = threadleak_probe_open_process(child->pid, flags);
    if (!probe)
        fail_msg("%s", threadleak_probe_error());
    return probe;
}

static struct threadleak_probe *open_core(void)
{
    struct threadleak_probe *core = threadleak_probe_open_core(path, NULL);
    if (!core)
        fail_msg("%s", threadleak_probe_error());
    return core;
}

static uint32_t index_of(struct threadleak_probe *probe, uint32_t tid)
{
    const struct threadleak_probe_thread *threads = threadleak_probe_threads(probe);
    for (uint32_t i = 0; i < threadleak_probe_info(probe)->thread_count; i++)
        if (threads[i].tid == tid)
            return i;
    fail_msg("thread %u is not listed", tid);
    return 0;
}

static bool holds(struct threadleak_probe *core, uint64_t address, const char *text)
{
    char found[64] = "";
    return threadleak_probe_read(core, address, found, strlen(text)) == strlen(text) && !strcmp(found, text);
}

static void compare(struct child *child, unsigned flags)
{
    struct shared *shared = child->shared;
    char heap[300];
    memset(heap, 'g', sizeof heap); /* not what is there: the caller's word holds */
    struct threadleak_probe_range ranges[] = {
        {shared->address[1] + 100000, 5000, NULL},
        {shared->address[1] + 500000, sizeof heap, heap},
    };
    struct threadleak_probe_snapshot result;
    struct threadleak_probe *probe = open_process(child, flags);
    if (threadleak_probe_snapshot(probe, path, ranges, 2, &result))
        fail_msg("%s", threadleak_probe_error());
    assert_int_equal(result.threads, 3);
    assert_int_equal(result.without_sp, flags ? 0 : 1);
    assert_true(flags ? result.stopped_ns > 0 : result.stopped_ns == 0);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, result.size);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_true(result.memory < result.size && result.size < 4 << 20);
    assert_int_equal(files_in_folder(), 1);

    struct threadleak_probe *core = open_core();
    const struct threadleak_probe_info *info = threadleak_probe_info(core);
    assert_int_equal(info->kind, THREADLEAK_PROBE_CORE);
    assert_int_equal(info->thread_count, 3);
    assert_int_equal(info->pid, child->pid);
    assert_int_equal(info->missing, 0);
    assert_string_equal(info->command, "test_snapshot");
    assert_non_null(info->program);
    for (unsigned i = 0; i < 3; i++) {
        uint32_t index = index_of(core, shared->tid[i]);
        const struct threadleak_probe_thread *thread = &threadleak_probe_threads(core)[index];
        assert_int_equal(threadleak_probe_look(core, index), 0);
        const char *names[] = {"test_snapshot", "spinner", "waits\nfor it"};
        assert_string_equal(threadleak_probe_thread_name(core, index), names[i]);
        assert_int_equal(thread->state, i == 1 ? THREADLEAK_PROBE_RUNNING : THREADLEAK_PROBE_BLOCKED);
        assert_int_equal(!thread->sp, !flags && i == 1);
        if (thread->sp) {
            uint64_t own[2];
            assert_int_equal(thread->pthread, shared->pthread[i]);
            assert_int_equal(threadleak_probe_read(core, thread->pthread, own, sizeof own), sizeof own);
            assert_int_equal(own[0], thread->pthread);
        }
    }

    /* the lock that a thread waits for, and the descriptor of the thread that has finished */
    uint32_t index = index_of(core, shared->tid[2]);
    assert_int_equal(threadleak_probe_threads(core)[index].syscall, SYS_futex);
    assert_int_equal(threadleak_probe_threads(core)[index].arguments[0], shared->address[0]);
    uint32_t lock[3];
    assert_int_equal(threadleak_probe_read(core, shared->address[0], lock, sizeof lock), sizeof lock);
    assert_int_equal(lock[2], child->pid);
    uint64_t word;
    assert_int_equal(threadleak_probe_read(core, shared->pthread[3] + 16, &word, sizeof word), sizeof word);
    assert_int_equal(word, shared->pthread[3]);

    assert_true(holds(core, (uint64_t)(uintptr_t)data, "In .data"));
    assert_true(holds(core, (uint64_t)(uintptr_t)bss + 50000, "in .bss"));
    assert_true(holds(core, shared->address[1] + 100000, "hhhh"));
    assert_true(holds(core, shared->address[1] + 104996, "hhhh"));
    assert_true(holds(core, shared->address[1] + 500000, "gggg"));
    assert_true(holds(core, shared->address[1] + 500296, "gggghhhh")); /* the rest of its page */
    assert_false(holds(core, shared->address[1] + 800000, "h"));

    assert_int_equal(threadleak_probe_unwind(core, index, 64), 0);
    uint32_t count;
    const struct threadleak_probe_stack *stacks = threadleak_probe_stacks(core, &count);
    const struct threadleak_probe_stack *stack = &stacks[threadleak_probe_threads(core)[index].stack - 1];
    assert_int_equal(stack->end, THREADLEAK_PROBE_COMPLETE);
    bool is_there = false;
    for (uint32_t i = 0; i < stack->count; i++) {
        const struct threadleak_probe_frame *frames;
        threadleak_probe_symbolize(core, stack->frames[i] & ~THREADLEAK_PROBE_EXACT,
                                   i ? THREADLEAK_PROBE_RETURN : 0, &frames);
        is_there |= frames[0].function && !strcmp(frames[0].function, "wait_for_lock");
    }
    assert_true(is_there);
    threadleak_probe_close(core);
    threadleak_probe_close(probe);
}

static void test_without_a_stop(void **state)
{
    (void)state;
    struct child child = start_child(some_threads);
    await_threads(&child);
    await(threads_in_state(child.pid, 'S') == 2);
    compare(&child, 0);
    end_child(&child);
}

/* It goes on as soon as it is written. */
static void test_with_a_stop(void **state)
{
    (void)state;
    struct child child = start_child(some_threads);
    await_threads(&child);
    await(threads_in_state(child.pid, 'S') == 2);
    compare(&child, THREADLEAK_PROBE_STOP);
    int tracer;
    await(state_of_thread(child.pid, child.shared->tid[1], &tracer) == 'R');
    assert_int_equal(tracer, 0);
    end_child(&child);
}

static void test_open_files(void **state)
{
    (void)state;
    struct child child = start_child(some_threads);
    struct threadleak_probe_snapshot result;
    await(child.shared->arrived == 3);
    struct threadleak_probe *probe = open_process(&child, 0);
    assert_int_equal(threadleak_probe_snapshot(probe, path, NULL, 0, &result), 0);
    threadleak_probe_close(probe);
    char *bytes = malloc(result.size);
    FILE *file = fopen(path, "re");
    assert_int_equal(fread(bytes, 1, result.size, file), result.size);
    fclose(file);
    static const char line[] = " 02001 /dev/null\n";
    assert_non_null(memmem(bytes, result.size, line + 2, sizeof line - 3));
    free(bytes);
    end_child(&child);
}

static void leave(struct shared *shared)
{
    some_threads(shared);
    pthread_exit(NULL);
}

static void test_main_has_left(void **state)
{
    (void)state;
    struct child child = start_child(leave);
    struct threadleak_probe_snapshot result;
    int tracer;
    await_threads(&child);
    await(state_of_thread(child.pid, (uint32_t)child.pid, &tracer) == 'Z');
    struct threadleak_probe *probe = open_process(&child, 0);
    assert_int_equal(threadleak_probe_snapshot(probe, path, NULL, 0, &result), 0);
    assert_int_equal(result.threads, 2);
    threadleak_probe_close(probe);
    struct threadleak_probe *core = open_core();
    assert_int_equal(threadleak_probe_info(core)->own_pid, child.pid);
    assert_true(holds(core, (uint64_t)(uintptr_t)data, "In .data"));
    threadleak_probe_close(core);
    end_child(&child);
}

static void *make_threads(void *shared)
{
    for (;;) {
        pthread_t thread;
        void *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (!pthread_create(&thread, NULL, finish, shared))
            pthread_join(thread, NULL);
        munmap(memory, 1 << 20);
    }
    return NULL;
}

static void come_and_go(struct shared *shared)
{
    pthread_t thread;
    for (int i = 0; i < 2; i++)
        pthread_create(&thread, NULL, make_threads, shared);
    note_thread(shared, 0);
}

/* Threads end, and mappings go, while they are read. */
static void test_threads_come_and_go(void **state)
{
    (void)state;
    struct child child = start_child(come_and_go);
    await(child.shared->arrived == 1);
    for (int i = 0; i < 40; i++) {
        struct threadleak_probe_snapshot result;
        struct threadleak_probe *probe = open_process(&child, i % 2 ? THREADLEAK_PROBE_STOP : 0);
        if (threadleak_probe_snapshot(probe, path, NULL, 0, &result))
            fail_msg("%s", threadleak_probe_error());
        threadleak_probe_close(probe);
        struct threadleak_probe *core = open_core();
        assert_int_equal(threadleak_probe_info(core)->thread_count, result.threads);
        assert_int_equal(threadleak_probe_look(core, THREADLEAK_PROBE_ALL), 0);
        assert_true(holds(core, (uint64_t)(uintptr_t)data, "in .data"));
        threadleak_probe_close(core);
    }
    end_child(&child);
}

/* ---- what goes wrong ----------------------------------------------------------------------------- */

static void assert_refused(struct threadleak_probe *probe, const char *where, const char *why)
{
    struct threadleak_probe_snapshot result;
    assert_int_equal(threadleak_probe_snapshot(probe, where, NULL, 0, &result), -1);
    if (!strstr(threadleak_probe_error(), why))
        fail_msg("\"%s\" does not say \"%s\"", threadleak_probe_error(), why);
}

static void test_where_it_cannot_be_written(void **state)
{
    (void)state;
    unlink(path);
    struct child child = start_child(some_threads);
    await(child.shared->arrived == 3);
    struct threadleak_probe *probe = open_process(&child, 0);
    assert_refused(probe, "/dev/full", "/dev/full is not an ordinary file");
    assert_refused(probe, "/dev/null", "/dev/null is not an ordinary file");
    assert_refused(probe, folder, "is not an ordinary file");
    assert_refused(probe, "", "cannot be written: ");
    assert_refused(probe, "/nonexistent/a.core", "/nonexistent/a.core cannot be written: No such file");
    char *lengthy = malloc(9000);
    memset(lengthy, 'x', 9000);
    lengthy[8999] = '\0';
    assert_refused(probe, lengthy, "cannot be written: File name too long");
    free(lengthy);
    struct stat status;
    assert_true(!stat("/dev/full", &status) && S_ISCHR(status.st_mode));

    /* a disk that is full in the middle: a file may have no more bytes */
    struct rlimit before, limit;
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 100000;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_refused(probe, path, "cannot be written: File too large");
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(files_in_folder(), 0);

    /* what was there stays as it was, until the new one is whole */
    FILE *file = fopen(path, "we");
    fputs("an old one", file);
    fclose(file);
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_refused(probe, path, "cannot be written");
    setrlimit(RLIMIT_FSIZE, &before);
    assert_true(!stat(path, &status) && status.st_size == 10);
    assert_int_equal(files_in_folder(), 1);
    threadleak_probe_close(probe);
    end_child(&child);
}

static void test_the_process_ends(void **state)
{
    (void)state;
    unlink(path);
    for (unsigned flags = 0; flags <= THREADLEAK_PROBE_STOP; flags++) {
        struct child child = start_child(some_threads);
        await(child.shared->arrived == 3);
        struct threadleak_probe *probe = open_process(&child, flags);
        kill(child.pid, SIGKILL);
        await(threads_in_state(child.pid, 'Z') == threads_in_state(child.pid, 0));
        assert_refused(probe, path, "process");
        threadleak_probe_close(probe);
        end_child(&child);
        assert_int_equal(files_in_folder(), 0);
    }
}

/* A core of a core is none. */
static void test_of_a_core(void **state)
{
    (void)state;
    struct child child = start_child(some_threads);
    struct threadleak_probe_snapshot result;
    await(child.shared->arrived == 3);
    struct threadleak_probe *probe = open_process(&child, 0);
    assert_int_equal(threadleak_probe_snapshot(probe, path, NULL, 0, &result), 0);
    threadleak_probe_close(probe);
    struct threadleak_probe *core = open_core();
    assert_refused(core, path, "of a live process, not of a core");
    threadleak_probe_close(core);
    end_child(&child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_stop),      cmocka_unit_test(test_with_a_stop),
        cmocka_unit_test(test_open_files),          cmocka_unit_test(test_main_has_left),
        cmocka_unit_test(test_threads_come_and_go), cmocka_unit_test(test_where_it_cannot_be_written),
        cmocka_unit_test(test_the_process_ends),    cmocka_unit_test(test_of_a_core),
    };
    return cmocka_run_group_tests_name("snapshot", tests, make_folder, remove_folder);
}
