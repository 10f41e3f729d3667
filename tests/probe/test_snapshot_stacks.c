/* SPDX-License-Identifier: MIT
 *
 * Snapshots of a process whose stack is made to fill all memory: it is read in part, and the process gets no
 * memory for it.
 */
#include "child.h"

#include <sys/stat.h>
#include <ucontext.h>

#include "threadleak_probe.h"

#define STACK (UINT64_C(4) << 30)
#define MEBIBYTE (UINT64_C(1) << 20)

enum { GUARD = 0x10000, IN_USE = 0x10000 };

static struct shared *all;

static void wait_here(void)
{
    all->tid[0] = (uint32_t)getpid();
    for (;;)
        pause();
}

/* At the lower end of a stack that takes no memory. */
static void on_a_large_stack(struct shared *shared)
{
    static ucontext_t here, there;
    char *memory = mmap(NULL, GUARD + STACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + GUARD, STACK, PROT_READ | PROT_WRITE))
        return;
    all = shared;
    getcontext(&there);
    there.uc_stack = (stack_t){.ss_sp = memory + GUARD, .ss_size = IN_USE};
    makecontext(&there, wait_here, 0);
    swapcontext(&here, &there);
}

static unsigned long resident(pid_t pid)
{
    char path[64];
    unsigned long size, pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &size, &pages), 2);
    fclose(file);
    return pages;
}

static void is_small(unsigned flags)
{
    struct child child = start_child(on_a_large_stack);
    char path[] = "/tmp/threadleak-XXXXXX";
    struct threadleak_probe_snapshot result;
    struct stat status;
    close(mkstemp(path));
    await(child.shared->tid[0] && threads_in_state(child.pid, 'S') == 1);
    unsigned long before = resident(child.pid);
    struct threadleak_probe *probe = threadleak_probe_open_process(child.pid, flags);
    assert_non_null(probe);
    assert_int_equal(threadleak_probe_snapshot(probe, path, NULL, 0, &result), 0);
    threadleak_probe_close(probe);
    assert_int_equal(result.threads, 1);
    assert_int_equal(result.without_sp, 0);
    assert_int_equal(stat(path, &status), 0);
    assert_true((uint64_t)status.st_size < 100 * MEBIBYTE);
    assert_true(resident(child.pid) < before + MEBIBYTE / 4096);
    struct threadleak_probe *core = threadleak_probe_open_core(path, NULL);
    assert_non_null(core);
    assert_int_equal(threadleak_probe_look(core, 0), 0);
    uint64_t word, sp = threadleak_probe_threads(core)[0].sp;
    assert_int_equal(threadleak_probe_read(core, sp, &word, sizeof word), sizeof word);
    threadleak_probe_close(core);
    unlink(path);
    end_child(&child);
}

static void without_a_stop(void **state)
{
    (void)state;
    is_small(0);
}

static void with_a_stop(void **state)
{
    (void)state;
    is_small(THREADLEAK_PROBE_STOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_stop),
        cmocka_unit_test(with_a_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
