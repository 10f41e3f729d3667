/* SPDX-License-Identifier: MIT
 *
 * A live process that is stopped while it is looked at (helper/probe/stop.c), and that nothing of it is left
 * behind: no stopped thread, no tracer, no lost signal.
 */
#include "child.h"

#include <fcntl.h>
#include <sys/ptrace.h>

#include "arch.h"
#include "error.h"
#include "live.h"

#define STOP THREADLEAK_PROBE_STOP

static struct source *open_child(const struct child *child)
{
    struct source *source = live_open(child->pid, STOP);
    if (!source)
        fail_msg("%s", threadleak_probe_error());
    return source;
}

/* No thread of the process is traced, and each is in one of these states. */
static bool is_left_alone(pid_t pid, const char *states)
{
    struct source *source = live_open(pid, 0);
    bool ok = source != NULL;
    for (uint32_t i = 0; ok && i < source->info.thread_count; i++) {
        int tracer;
        char state = state_of_thread(pid, source->threads[i].tid, &tracer);
        ok = !tracer && (!state || strchr(states, state)); /* one that has just ended has none */
    }
    if (source)
        source->operations->close(source);
    return ok;
}

static void *counting(void *argument)
{
    struct shared *shared = argument;
    note_thread(shared, 1);
    for (;;)
        atomic_fetch_add(&shared->count, 1);
    return NULL;
}

static void counter_and_pauser(struct shared *shared)
{
    pthread_t thread;
    note_thread(shared, 0);
    pthread_create(&thread, NULL, counting, shared);
    pthread_create(&thread, NULL, pausing, shared);
}

static uint32_t index_of(const struct source *source, uint32_t tid)
{
    for (uint32_t i = 0; i < source->info.thread_count; i++)
        if (source->threads[i].tid == tid)
            return i;
    fail_msg("thread %u is not listed", tid);
    return 0;
}

static void test_stands_still(void **state)
{
    (void)state;
    struct child child = start_child(counter_and_pauser);
    struct shared *shared = child.shared;
    await(shared->arrived == 3 && shared->count && threads_in_state(child.pid, 'S') == 2);
    struct source *source = open_child(&child);
    unsigned long long before = shared->count;
    assert_int_equal(source->info.thread_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        struct registers registers = {{0}, 0};
        uint32_t index = index_of(source, shared->tid[i]);
        assert_true(source->operations->look(source, index, &registers));
        const struct threadleak_probe_thread *thread = &source->threads[index];
        assert_int_equal(thread->pthread, shared->pthread[i]);
        assert_int_equal(thread->state, i == 1 ? THREADLEAK_PROBE_RUNNING : THREADLEAK_PROBE_BLOCKED);
        assert_true(thread->sp && thread->pc);
        assert_true(registers.known & 1);
        assert_int_equal(registers.value[source->arch->sp], thread->sp);
        assert_true(source->operations->stood_still(source, index));
        if (i == 2)
            assert_int_equal(thread->syscall, SYS_pause);
    }
    sleep_ms(30);
    assert_int_equal(shared->count, before);
    assert_int_equal(source->info.stopped_ns, 0);

    live_resume(source);
    assert_true(source->info.stopped_ns >= 30000000 && source->info.stopped_ns < 60000000000);
    await(shared->count > before);
    assert_true(is_left_alone(child.pid, "SR"));
    live_resume(source);

    /* from here on as without a stop */
    struct registers registers = {{0}, 0};
    uint32_t index = index_of(source, shared->tid[2]);
    uint64_t word;
    assert_false(source->operations->stood_still(source, index));
    await(source->operations->look(source, index, &registers) && source->threads[index].sp);
    assert_true(source->operations->stood_still(source, index));
    assert_int_equal(source->operations->read(source, source->threads[index].sp, &word, 8), 8);
    source->operations->close(source);
    end_child(&child);
}

static void test_close_lets_go(void **state)
{
    (void)state;
    struct child child = start_child(counter_and_pauser);
    await(child.shared->arrived == 3);
    for (int i = 0; i < 20; i++) {
        struct source *source = open_child(&child);
        source->operations->close(source);
        assert_true(is_left_alone(child.pid, "SR"));
    }
    end_child(&child);
}

/* ---- signals ------------------------------------------------------------------------------------- */

static struct shared *counted;

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&counted->count, 1);
}

static void count_signals(struct shared *shared)
{
    pthread_t thread;
    counted = shared;
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    sigaction(SIGRTMIN, &action, NULL);
    for (int i = 0; i < 3; i++)
        pthread_create(&thread, NULL, pausing, shared);
}

/* Real-time signals queue up: each that is sent has to arrive once, whatever moment we stopped at. */
static void test_no_signal_is_lost(void **state)
{
    (void)state;
    struct child child = start_child(count_signals);
    struct shared *shared = child.shared;
    await(shared->arrived == 3);
    unsigned sent = 0;
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < 3; i++)
            sent += !sigqueue(child.pid, SIGRTMIN, (union sigval){0});
        struct source *source = open_child(&child);
        sent += !sigqueue(child.pid, SIGRTMIN, (union sigval){0});
        source->operations->close(source);
    }
    await(shared->count == sent);
    sleep_ms(20);
    assert_int_equal(shared->count, sent);
    await(is_left_alone(child.pid, "S"));
    end_child(&child);
}

static void test_stopped_by_a_signal_before(void **state)
{
    (void)state;
    struct child child = start_child(counter_and_pauser);
    struct shared *shared = child.shared;
    int status;
    await(shared->arrived == 3);
    kill(child.pid, SIGSTOP);
    assert_int_equal(waitpid(child.pid, &status, WUNTRACED), child.pid);
    assert_true(WIFSTOPPED(status));
    await(is_left_alone(child.pid, "T"));
    unsigned long long before = shared->count;
    struct source *source = open_child(&child);
    struct registers registers = {{0}, 0};
    assert_int_equal(source->info.thread_count, 3);
    assert_true(source->operations->look(source, index_of(source, shared->tid[2]), &registers));
    assert_int_equal(source->threads[index_of(source, shared->tid[2])].syscall, SYS_pause);
    source->operations->close(source);
    await(is_left_alone(child.pid, "T"));
    sleep_ms(20);
    assert_true(is_left_alone(child.pid, "T"));
    assert_int_equal(shared->count, before);
    kill(child.pid, SIGCONT);
    await(shared->count > before && is_left_alone(child.pid, "SR"));
    end_child(&child);
}

/* SIGSTOP and SIGCONT arrive while it is held: what came last holds. */
static void test_stopped_by_a_signal_meanwhile(void **state)
{
    (void)state;
    struct child child = start_child(counter_and_pauser);
    await(child.shared->arrived == 3);
    struct source *source = open_child(&child);
    kill(child.pid, SIGSTOP);
    source->operations->close(source);
    await(is_left_alone(child.pid, "T"));
    source = open_child(&child);
    kill(child.pid, SIGCONT);
    source->operations->close(source);
    await(is_left_alone(child.pid, "SR"));
    end_child(&child);
}

/* ---- threads that come and go -------------------------------------------------------------------- */

static void *passing(void *argument)
{
    atomic_fetch_add(&((struct shared *)argument)->count, 1);
    return NULL;
}

static void *making(void *argument)
{
    for (;;) {
        pthread_t thread;
        if (!pthread_create(&thread, NULL, passing, argument))
            pthread_join(thread, NULL);
    }
    return NULL;
}

static void make_and_join(struct shared *shared)
{
    pthread_t thread;
    for (int i = 0; i < 3; i++)
        pthread_create(&thread, NULL, making, shared);
    atomic_fetch_add(&shared->arrived, 1);
}

static void test_threads_come_and_go(void **state)
{
    (void)state;
    struct child child = start_child(make_and_join);
    struct shared *shared = child.shared;
    await(shared->arrived == 1 && shared->count > 10);
    for (int i = 0; i < 100; i++) {
        struct source *source = open_child(&child);
        unsigned long long before = shared->count;
        uint32_t count;
        assert_true(source->info.thread_count >= 4 && source->info.thread_count <= 10);
        for (count = 0; count < source->info.thread_count; count++) {
            struct registers registers = {{0}, 0};
            source->operations->look(source, count, &registers);
        }
        assert_int_equal(shared->count, before);
        source->operations->close(source);
        await(shared->count > before);
    }
    await(is_left_alone(child.pid, "SR"));
    end_child(&child);
}

static void main_leaves(struct shared *shared)
{
    pthread_t thread;
    pthread_create(&thread, NULL, counting, shared);
    pthread_create(&thread, NULL, pausing, shared);
    pthread_exit(NULL);
}

static void test_main_has_left(void **state)
{
    (void)state;
    struct child child = start_child(main_leaves);
    struct shared *shared = child.shared;
    int tracer;
    await(shared->arrived == 2 && state_of_thread(child.pid, (uint32_t)child.pid, &tracer) == 'Z');
    struct source *source = open_child(&child);
    assert_int_equal(source->info.thread_count, 2);
    unsigned long long before = shared->count;
    live_resume(source);
    assert_true(source->info.stopped_ns < 500000000);
    await(shared->count > before);
    source->operations->close(source);
    assert_true(is_left_alone(child.pid, "SR"));
    end_child(&child);
}

static void thousand(struct shared *shared)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    for (int i = 0; i < 1000; i++) {
        pthread_t thread;
        pthread_create(&thread, &attributes, pausing, shared);
    }
}

static void test_thousand(void **state)
{
    (void)state;
    struct child child = start_child(thousand);
    await(child.shared->arrived == 1000 && threads_in_state(child.pid, 'S') == 1001);
    struct source *source = open_child(&child);
    assert_int_equal(source->info.thread_count, 1001);
    for (uint32_t i = 0; i < 1001; i++) {
        struct registers registers = {{0}, 0};
        assert_true(source->operations->look(source, i, &registers));
        assert_int_equal(source->threads[i].syscall, SYS_pause);
        assert_true(source->threads[i].pthread);
    }
    source->operations->close(source);
    await(is_left_alone(child.pid, "S"));
    end_child(&child);
}

/* ---- threads that cannot be stopped, processes that die ------------------------------------------ */

/* The parent of a vfork takes no signal before its child has gone. */
static void waits_for_vfork(struct shared *shared)
{
    pthread_t thread;
    pthread_create(&thread, NULL, pausing, shared);
    while (shared->arrived < 1)
        sleep_ms(1);
    shared->tid[0] = (uint32_t)syscall(SYS_gettid);
    if (!vfork()) {
        atomic_fetch_add(&shared->arrived, 1);
        while (!shared->go && getppid() != 1)
            sleep_ms(5);
        _exit(0);
    }
    atomic_fetch_add(&shared->arrived, 1);
}

static void test_thread_that_does_not_stop(void **state)
{
    (void)state;
    struct child child = start_child(waits_for_vfork);
    struct shared *shared = child.shared;
    await(shared->arrived == 2);
    struct source *source = open_child(&child);
    assert_int_equal(source->info.thread_count, 2);
    struct registers registers = {{0}, 0};
    assert_true(source->operations->look(source, index_of(source, shared->tid[2]), &registers));
    assert_true(registers.known & 1);
    registers.known = 0;
    assert_true(source->operations->look(source, index_of(source, shared->tid[0]), &registers));
    assert_false(registers.known & 1); /* sp and pc alone, by /proc */
    shared->go = 1;
    source->operations->close(source);
    await(shared->arrived == 3 && is_left_alone(child.pid, "S"));
    end_child(&child);
}

static void test_killed_meanwhile(void **state)
{
    (void)state;
    struct child child = start_child(counter_and_pauser);
    await(child.shared->arrived == 3);
    struct source *source = open_child(&child);
    kill(child.pid, SIGKILL);
    sleep_ms(20);
    struct registers registers = {{0}, 0};
    source->operations->look(source, 0, &registers);
    source->operations->close(source);
    int status;
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    munmap(child.shared, sizeof *child.shared);
}

/* The one who stops is killed: the kernel lets everything go. */
static void test_tracer_is_killed(void **state)
{
    (void)state;
    struct child child = start_child(counter_and_pauser);
    struct shared *shared = child.shared;
    await(shared->arrived == 3);
    fflush(NULL);
    pid_t other = fork();
    if (!other) {
        shared->pid = live_open(child.pid, STOP) ? 1 : 2;
        for (;;)
            pause();
    }
    await(shared->pid);
    assert_int_equal(shared->pid, 1);
    assert_false(is_left_alone(child.pid, "SR"));
    kill(other, SIGKILL);
    assert_int_equal(waitpid(other, NULL, 0), other);
    unsigned long long before = shared->count;
    await(shared->count > before && is_left_alone(child.pid, "SR"));
    end_child(&child);
}

/* ---- traced already ------------------------------------------------------------------------------ */

static void test_traced_already(void **state)
{
    (void)state;
    struct child child = start_child(counter_and_pauser);
    struct shared *shared = child.shared;
    char sentence[128];
    await(shared->arrived == 3);
    /* the last thread alone: those before it were seized, and have to be let go again */
    assert_int_equal(ptrace(PTRACE_SEIZE, shared->tid[2], NULL, NULL), 0);
    snprintf(sentence, sizeof sentence, "process %d is traced by process %d (", child.pid, getpid());
    assert_null(live_open(child.pid, STOP));
    if (!strstr(threadleak_probe_error(), sentence))
        fail_msg("\"%s\" does not say \"%s\"", threadleak_probe_error(), sentence);
    struct source *source = live_open(child.pid, 0);
    assert_non_null(source);
    source->operations->close(source);
    for (unsigned i = 0; i < 2; i++) {
        int tracer;
        assert_true(strchr("SR", state_of_thread(child.pid, shared->tid[i], &tracer)));
        assert_int_equal(tracer, 0);
    }
    ptrace(PTRACE_INTERRUPT, shared->tid[2], NULL, NULL);
    waitpid((pid_t)shared->tid[2], NULL, __WALL);
    ptrace(PTRACE_DETACH, shared->tid[2], NULL, NULL);
    end_child(&child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stands_still),
        cmocka_unit_test(test_close_lets_go),
        cmocka_unit_test(test_no_signal_is_lost),
        cmocka_unit_test(test_stopped_by_a_signal_before),
        cmocka_unit_test(test_stopped_by_a_signal_meanwhile),
        cmocka_unit_test(test_threads_come_and_go),
        cmocka_unit_test(test_main_has_left),
        cmocka_unit_test(test_thousand),
        cmocka_unit_test(test_thread_that_does_not_stop),
        cmocka_unit_test(test_killed_meanwhile),
        cmocka_unit_test(test_tracer_is_killed),
        cmocka_unit_test(test_traced_already),
    };
    return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
