/* SPDX-License-Identifier: MIT
 *
 * fork: the child starts clean and says so; _Fork, which runs no handlers, is noticed at the next creation;
 * vfork shares the memory and changes nothing. Each child reports by its exit status: the number of the
 * first check that failed, or 0.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate.h"
#include "threadleak.h"

#define CHECK(condition)                                                                                     \
    do                                                                                                       \
        if (!(condition))                                                                                    \
            _exit(__LINE__ % 250 + 1);                                                                       \
    while (0)

static void *returns(void *arg)
{
    return arg;
}

static int status_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void check_new_threads(uint64_t before)
{
    pthread_t pthread;
    uint64_t id = view_next_id();
    CHECK(id >= before);
    CHECK(pthread_create(&pthread, NULL, returns, NULL) == 0);
    AWAIT(view_state(id) & THREADLEAK_STATE_FINISHED);
    uint64_t records = view_records();
    CHECK(pthread_join(pthread, NULL) == 0);
    CHECK(view_records() == records - 1);
}

static void check_clean(uint64_t inherited, pid_t parent)
{
    const struct threadleak_registry *registry = &threadleak_registry;
    CHECK(registry->flags & THREADLEAK_REGISTRY_FORK_CHILD);
    CHECK(registry->pid == (uint32_t)getpid());
    CHECK(registry->parent_pid == (uint32_t)parent);
    CHECK(registry->fork_generation == 1);
    CHECK(registry->threads_inherited == inherited);
    CHECK(view_records() == 1);
}

/* Two threads that the child must not inherit: one alive, one finished and never joined. */
static pthread_t alive, unjoined;

static int setup(void **state)
{
    (void)state;
    pthread_create(&alive, NULL, at_gate, NULL);
    uint64_t id = view_next_id();
    pthread_create(&unjoined, NULL, returns, NULL);
    AWAIT(view_state(id) & THREADLEAK_STATE_FINISHED);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sem_post(&gate);
    pthread_join(alive, NULL);
    pthread_join(unjoined, NULL);
    return 0;
}

static void a_fork_child_starts_clean(void **state)
{
    (void)state;
    uint64_t before = view_next_id();
    pid_t parent = getpid(), pid = fork();
    if (!pid) {
        check_clean(2, parent);
        CHECK(view_record(1)->tid == (uint32_t)getpid());
        CHECK(view_record(1)->state & THREADLEAK_STATE_MAIN);
        check_new_threads(before);
        _exit(0);
    }
    assert_int_equal(status_of(pid), 0);
    assert_int_equal(view_records(), 3);
}

static void *forks(void *arg)
{
    uint64_t self = view_next_id() - 1;
    pid_t parent = getpid(), pid = fork();
    if (!pid) {
        check_clean(3, parent);
        CHECK(view_record(self) && view_record(self)->state & THREADLEAK_STATE_MAIN);
        CHECK(view_record(self)->scope != 0);
        check_new_threads(self);
        _exit(0);
    }
    *(int *)arg = status_of(pid);
    return NULL;
}

static void the_thread_that_forks_is_the_childs_main(void **state)
{
    (void)state;
    pthread_t pthread;
    int status = -1;
    threadleak_scope_t scope = threadleak_scope_begin("forks");
    pthread_create(&pthread, NULL, forks, &status);
    pthread_join(pthread, NULL);
    threadleak_scope_close(scope);
    assert_int_equal(status, 0);
}

static void a_child_without_handlers_is_noticed_at_its_first_creation(void **state)
{
    (void)state;
    uint64_t before = view_next_id();
    pid_t parent = getpid(), pid = _Fork();
    if (!pid) {
        CHECK(threadleak_registry.pid == (uint32_t)parent); /* readers see the difference */
        check_new_threads(before);
        check_clean(2, parent);
        _exit(0);
    }
    assert_int_equal(status_of(pid), 0);
}

static void a_grandchild_counts_generations(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (!pid) {
        pid_t grandchild = fork();
        if (!grandchild) {
            CHECK(threadleak_registry.fork_generation == 2);
            CHECK(threadleak_registry.threads_inherited == 0);
            _exit(0);
        }
        int status;
        waitpid(grandchild, &status, 0);
        _exit(WEXITSTATUS(status));
    }
    assert_int_equal(status_of(pid), 0);
}

static volatile sig_atomic_t children, failures, is_child;

/* Interrupts a creation, and the child goes on with it. */
static void forks_on_signal(int signal)
{
    (void)signal;
    pid_t pid = fork();
    if (pid == 0) {
        is_child = 1;
        return;
    }
    int status;
    if (pid > 0 && waitpid(pid, &status, 0) == pid && status)
        failures = failures + 1;
    children = children + 1;
}

static void *sends_signals(void *main_thread)
{
    while (children < 100)
        pthread_kill(*(pthread_t *)main_thread, SIGUSR1);
    return NULL;
}

static void check_creation_in_child(int error)
{
    alarm(20);
    CHECK(error == 0);
    CHECK(threadleak_registry.flags & THREADLEAK_REGISTRY_FORK_CHILD);
    AWAIT(view_records() <= 2); /* itself, and the thread that is or was being created */
    check_new_threads(0);
    _exit(0);
}

static void a_signal_handler_that_forks_in_a_creation(void **state)
{
    (void)state;
    sigset_t usr1;
    struct sigaction action = {.sa_handler = forks_on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigaction(SIGUSR1, &action, NULL);
    pthread_sigmask(SIG_BLOCK, &usr1, NULL);
    pthread_t sender, self = pthread_self();
    pthread_create(&sender, NULL, sends_signals, &self);
    while (children < 100) {
        pthread_t pthread;
        pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
        int error = pthread_create(&pthread, NULL, returns, NULL);
        pthread_sigmask(SIG_BLOCK, &usr1, NULL);
        if (is_child)
            check_creation_in_child(error);
        if (!error)
            pthread_join(pthread, NULL);
    }
    pthread_join(sender, NULL);
    assert_int_equal(failures, 0);
}

static void vfork_changes_nothing(void **state)
{
    (void)state;
    pid_t pid = vfork();
    if (!pid)
        _exit(0);
    assert_int_equal(status_of(pid), 0);
    assert_int_equal(threadleak_registry.pid, getpid());
    assert_int_equal(view_records(), 3);
}

int main(void)
{
    alarm(60);
    sem_init(&gate, 0, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_fork_child_starts_clean, setup, teardown),
        cmocka_unit_test_setup_teardown(the_thread_that_forks_is_the_childs_main, setup, teardown),
        cmocka_unit_test_setup_teardown(a_child_without_handlers_is_noticed_at_its_first_creation, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_grandchild_counts_generations, setup, teardown),
        cmocka_unit_test(a_signal_handler_that_forks_in_a_creation),
        cmocka_unit_test_setup_teardown(vfork_changes_nothing, setup, teardown),
    };
    return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
