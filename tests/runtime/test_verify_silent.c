/* SPDX-License-Identifier: MIT
 *
 * An engine that hangs is ended with all that it holds, and the check cannot tell; nobody waits for who reads
 * what is said. Built with less patience
 * than the library has.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "fake_engine.h"

static void a_silent_engine_is_given_up(void **state)
{
    (void)state;
    pthread_t pthread;
    struct threadleak_options how = settling(0);
    threadleak_scope_t scope = threadleak_scope_begin("hangs");
    create(&pthread, at_gate, NULL);
    engine_is_to("classified 1\\n", "");
    setenv("ENGINE_DOES", "echo pid $$ >> $ENGINE_LOG; kill -STOP $$", 1);
    int result = threadleak_scope_end(scope, &how);
    let_go(pthread);
    assert_int_equal(result, THREADLEAK_CANNOT_TELL);
    assert_string_equal(check_message, "cannot tell whether threads leaked: the engine does not answer");
    assert_int_equal(engine_lines("pid "), 1);
    assert_int_equal(kill(atoi(engine_line + 4), 0), -1); /* it is gone */
    assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
    assert_int_equal(threadleak_verify_none(NULL), 0);
}

/* Nor does a pipe that is full hold up a check: what it would say is lost. */
static void a_full_pipe_is_given_up(void **state)
{
    (void)state;
    static const char block[4096];
    int pipe_ends[2], standard_error = dup(STDERR_FILENO);
    pthread_t pthread;
    struct threadleak_options how = settling(0);
    assert_int_equal(pipe2(pipe_ends, O_NONBLOCK), 0);
    while (write(pipe_ends[1], block, sizeof block) > 0)
        ;
    assert_int_equal(fcntl(pipe_ends[1], F_SETFL, 0), 0);
    assert_int_equal(dup2(pipe_ends[1], STDERR_FILENO), STDERR_FILENO);
    engine_is_to("classified 1\\n", "blind because\\n");
    threadleak_scope_t scope = threadleak_scope_begin("full");
    create(&pthread, at_gate, NULL);
    int result = threadleak_scope_end(scope, &how);
    assert_int_equal(dup2(standard_error, STDERR_FILENO), STDERR_FILENO);
    let_go(pthread);
    assert_int_equal(result, THREADLEAK_CANNOT_TELL);
    assert_string_equal(check_message, "cannot tell whether threads leaked: because");
    close(standard_error);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

int main(int argc, char **argv)
{
    (void)argc;
    engine_begin(argv, "");
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_silent_engine_is_given_up),
                                       cmocka_unit_test(a_full_pipe_is_given_up)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    engine_end();
    return failed;
}
