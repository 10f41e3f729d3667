/* SPDX-License-Identifier: MIT
 *
 * That the program does not see its checks: no SIGCHLD, no child to wait for, under whatever signals, limits
 * and memory there are, in fork children, and with a cancellation pending. And that an engine which is
 * missing, dies, or is in the way of a check leaves "cannot tell", with the reason. A script stands in for
 * the engine.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "fake_engine.h"

static int failing_check(void)
{
    pthread_t pthread;
    struct threadleak_options how = settling(0);
    threadleak_scope_t scope = threadleak_scope_begin("fails");
    create_finished(&pthread);
    engine_is_to("classified 1\\n", "message found\\nleaked 1\\n");
    int result = threadleak_scope_end(scope, &how);
    pthread_join(pthread, NULL);
    return result;
}

static void assert_fails_as_ever(void)
{
    assert_int_equal(failing_check(), 1);
    assert_string_equal(check_message, "found");
    assert_int_equal(engine_lines("heard report"), 1);
}

static volatile sig_atomic_t child_signals;

static void count(int signal)
{
    (void)signal;
    child_signals++;
}

static void no_signal_comes_and_no_child_is_there(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = count};
    sigaction(SIGCHLD, &action, NULL);
    assert_fails_as_ever();
    assert_int_equal(child_signals, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1); /* nor is one left behind */
    signal(SIGCHLD, SIG_IGN);
    assert_fails_as_ever();
    action.sa_flags = SA_NOCLDWAIT;
    sigaction(SIGCHLD, &action, NULL);
    assert_fails_as_ever();
    assert_int_equal(child_signals, 0);
    signal(SIGCHLD, SIG_DFL);
}

/* As the init process of a container is: orphans become its children. */
static void a_subreaper_does_not_see_it_either(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = count};
    sigaction(SIGCHLD, &action, NULL);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_fails_as_ever();
    assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
    assert_int_equal(child_signals, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    signal(SIGCHLD, SIG_DFL);
}

static uint32_t is_over, strangers;

static void *waits_for_any_child(void *own)
{
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid > 0 && pid != *(pid_t *)own)
            strangers++;
    }
    return NULL;
}

static void a_thread_that_waits_for_any_child_gets_its_own_alone(void **state)
{
    (void)state;
    pthread_t pthread;
    int hold[2];
    assert_int_equal(pipe(hold), 0);
    pid_t own = fork();
    if (own == 0) {
        char byte;
        close(hold[1]);
        _exit((int)read(hold[0], &byte, 1));
    }
    create(&pthread, waits_for_any_child, &own);
    for (int i = 0; i < 5; i++)
        assert_fails_as_ever();
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    pthread_join(pthread, NULL);
    assert_int_equal(strangers, 0);
    close(hold[0]);
    close(hold[1]);
    waitpid(own, NULL, 0);
}

static void signals_may_be_blocked_or_ignored(void **state)
{
    (void)state;
    sigset_t all, mask;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    signal(SIGTERM, SIG_IGN);
    engine_is_to("classified 1\\n", "");
    pthread_t pthread;
    struct threadleak_options how = settling(0);
    threadleak_scope_t scope = threadleak_scope_begin("signals");
    create_finished(&pthread);
    /* the program that is started has neither the mask nor what is ignored */
    setenv("ENGINE_DOES", "grep -h '^Sig[BI]' /proc/self/status >> $ENGINE_LOG", 1);
    setenv("ENGINE_ANSWERS", "leaked 1\\n", 1);
    assert_int_equal(threadleak_scope_end(scope, &how), 1);
    pthread_join(pthread, NULL);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    signal(SIGTERM, SIG_DFL);
    assert_int_equal(engine_lines("SigBlk:\t0000000000000000"), 1);
    assert_int_equal(engine_lines("SigIgn:\t0000000000000000"), 1);
}

static void the_engine_inherits_nothing_but_what_it_needs(void **state)
{
    (void)state;
    pthread_t pthread;
    int leaky = open("/dev/zero", O_RDONLY); /* not close-on-exec */
    struct threadleak_options how = settling(0);
    setenv("LD_PRELOAD", "", 1);
    setenv("PYTHONPATH", "/nowhere", 1);
    setenv("KEPT", "yes", 1);
    threadleak_scope_t scope = threadleak_scope_begin("inherits");
    create_finished(&pthread);
    engine_is_to("classified 1\\n", "leaked 1\\n");
    /* the shell itself has its script open; it shall not have more while it is looked at */
    setenv("ENGINE_DOES",
           "find /proc/$$/fd -type l ! -lname '*/fake_engine' -fprintf $ENGINE_LOG.fds 'fd %f %l\\n';"
           "cat $ENGINE_LOG.fds >> $ENGINE_LOG; rm $ENGINE_LOG.fds;"
           "env | sed 's/^/env /' >> $ENGINE_LOG",
           1);
    assert_int_equal(threadleak_scope_end(scope, &how), 1);
    assert_int_equal(engine_lines("fd 0 /dev/null"), 1);
    assert_int_equal(engine_lines("fd 3 socket:"), 1);
    assert_int_equal(engine_lines("fd 4 socket:"), 1);
    assert_int_equal(engine_lines("fd "), 5);
    assert_int_equal(engine_lines("env KEPT=yes"), 1);
    assert_int_equal(engine_lines("env LD_"), 0);
    assert_int_equal(engine_lines("env PYTHON"), 0);
    assert_int_equal(engine_lines("env THREADLEAK_OPTIONS"), 0);
    unsetenv("LD_PRELOAD");
    unsetenv("PYTHONPATH");
    close(leaky);
    pthread_join(pthread, NULL);
}

/* ---- exhaustion -------------------------------------------------------------------------------------*/

static void where_no_memory_can_be_had(void **state)
{
    (void)state;
    pthread_t pthread;
    struct rlimit before, none;
    struct threadleak_options how = settling(0);
    threadleak_scope_t scope = threadleak_scope_begin("no address space");
    create_finished(&pthread);
    engine_is_to("classified 1\\n", "leaked 1\\n");
    getrlimit(RLIMIT_AS, &before);
    none = before;
    none.rlim_cur = 0; /* the hard limit stays: the engine is not meant */
    setrlimit(RLIMIT_AS, &none);
    assert_ptr_equal(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), MAP_FAILED);
    int result = threadleak_scope_end(scope, &how);
    setrlimit(RLIMIT_AS, &before);
    assert_int_equal(result, 1);
    pthread_join(pthread, NULL);
}

static void where_no_mapping_can_be_had(void **state)
{
    (void)state;
    enum { PAGE = 4096, MOST = 1 << 18 };
    pthread_t pthread;
    struct threadleak_options how = settling(0);
    threadleak_scope_t scope = threadleak_scope_begin("no mapping");
    create_finished(&pthread);
    engine_is_to("classified 1\\n", "leaked 1\\n");
    char *memory =
        mmap(NULL, (size_t)MOST * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    int done = 1; /* each second page is a mapping of its own, until there are no more */
    while (done < MOST && mprotect(memory + (size_t)done * PAGE, PAGE, PROT_READ) == 0)
        done += 2;
    int result = threadleak_scope_end(scope, &how);
    munmap(memory, (size_t)MOST * PAGE);
    assert_true(done < MOST);
    assert_int_equal(result, 1);
    assert_int_equal(engine_lines("heard report"), 1);
    pthread_join(pthread, NULL);
}

static void where_no_descriptor_can_be_had(void **state)
{
    (void)state;
    pthread_t pthread;
    struct rlimit before, none;
    struct threadleak_options how = settling(0);
    threadleak_scope_t scope = threadleak_scope_begin("no descriptor");
    create_finished(&pthread);
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &none);
    int result = threadleak_scope_end(scope, &how);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(result, 1); /* nobody is alive: a rule would not have changed it */
    assert_string_equal(check_message, "1 leaked thread, finished and never joined; plain report, since "
                                       "the engine could not be started: out of file descriptors");
    pthread_join(pthread, NULL);
}

/* ---- other states of the program --------------------------------------------------------------------*/

static void in_a_fork_child(void **state)
{
    (void)state;
    pthread_t inherited;
    create(&inherited, at_gate, NULL);
    pid_t child = fork();
    if (child == 0) {
        if (threadleak_verify_none(NULL) != 0)
            _exit(1); /* the parent's thread is not here */
        _exit(failing_check() == 1 && waitpid(-1, NULL, WNOHANG) == -1 ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    let_go(inherited);
}

static uint32_t passed_check;

static void *checks_while_cancelled(void *arg)
{
    pthread_cancel(pthread_self());
    int result = failing_check();
    __atomic_store_n(&passed_check, result == 1, __ATOMIC_RELEASE);
    pthread_testcancel();
    return arg;
}

static void with_a_cancellation_pending(void **state)
{
    (void)state;
    pthread_t pthread;
    void *result;
    create(&pthread, checks_while_cancelled, NULL);
    pthread_join(pthread, &result);
    assert_ptr_equal(result, PTHREAD_CANCELED); /* later, where the program is at a cancellation point */
    assert_int_equal(passed_check, 1);
}

static int result_in_handler = -5;

static void checks(int signal)
{
    (void)signal;
    result_in_handler = threadleak_verify_none(NULL);
}

static void a_signal_handler_that_interrupts_a_check_cannot_tell(void **state)
{
    (void)state;
    pthread_t pthread;
    char does[100];
    struct threadleak_options how = settling(HOUR_MS);
    struct sigaction action = {.sa_handler = checks};
    sigaction(SIGUSR1, &action, NULL);
    threadleak_scope_t scope = threadleak_scope_begin("interrupted");
    create_finished(&pthread);
    engine_is_to("classified 0\\n", "leaked 1\\n");
    snprintf(does, sizeof does, "kill -USR1 %d", getpid());
    setenv("ENGINE_DOES", does, 1);
    assert_int_equal(threadleak_scope_end(scope, &how), 1);
    assert_int_equal(result_in_handler, THREADLEAK_CANNOT_TELL);
    pthread_join(pthread, NULL);
    assert_int_equal(threadleak_verify_none(NULL), 0);
}

/* ---- an engine that fails ---------------------------------------------------------------------------*/

static void assert_cannot_tell(const char *says, const char *does, const char *answers, const char *why)
{
    pthread_t pthread;
    struct threadleak_options how = settling(0);
    threadleak_scope_t scope = threadleak_scope_begin("alive");
    create(&pthread, at_gate, NULL);
    engine_is_to(says, answers);
    setenv("ENGINE_DOES", does, 1);
    int result = threadleak_scope_end(scope, &how);
    let_go(pthread);
    assert_int_equal(result, THREADLEAK_CANNOT_TELL);
    assert_string_equal(check_message, why);
    assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
}

static void an_engine_that_dies_or_is_blind_gives_the_reason(void **state)
{
    (void)state;
    assert_cannot_tell("classified 1\\n", "", "blind 2 records were\\\\nlost\\n",
                       "cannot tell whether threads leaked: 2 records were\nlost");
    assert_cannot_tell("", "kill -KILL $$", "",
                       "cannot tell whether threads leaked: the engine ended without an answer");
    assert_cannot_tell("classified 1\\n", "", "message half\\n",
                       "cannot tell whether threads leaked: the engine ended without an answer");
    assert_cannot_tell("classified\\nrule\\nexpected x\\nsite 99999999999999 1\\nexpected 1 2000\\n\\377\\n",
                       "", "leaked",
                       "cannot tell whether threads leaked: the engine ended without an answer");
}

int main(int argc, char **argv)
{
    (void)argc;
    engine_begin(argv, "");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_signal_comes_and_no_child_is_there),
        cmocka_unit_test(a_subreaper_does_not_see_it_either),
        cmocka_unit_test(a_thread_that_waits_for_any_child_gets_its_own_alone),
        cmocka_unit_test(signals_may_be_blocked_or_ignored),
        cmocka_unit_test(the_engine_inherits_nothing_but_what_it_needs),
        cmocka_unit_test(where_no_memory_can_be_had),
        cmocka_unit_test(where_no_mapping_can_be_had),
        cmocka_unit_test(where_no_descriptor_can_be_had),
        cmocka_unit_test(in_a_fork_child),
        cmocka_unit_test(with_a_cancellation_pending),
        cmocka_unit_test(a_signal_handler_that_interrupts_a_check_cannot_tell),
        cmocka_unit_test(an_engine_that_dies_or_is_blind_gives_the_reason),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    engine_end();
    return failed;
}
