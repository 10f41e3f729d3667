/* SPDX-License-Identifier: MIT
 *
 * The option exit_socket: a process that exits says so, with the number of its records, and waits until the
 * other side closes. The test runs itself as that process; what it is to do is its argument.
 */
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate.h"

static char name[64], option[160];

static void *returns(void *arg)
{
    return arg;
}

/* The process that exits. */
static int play(const char *part)
{
    pthread_t pthread;
    sem_init(&gate, 0, 0);
    if (strcmp(part, "clean") == 0 || strcmp(part, "status") == 0) {
        pthread_create(&pthread, NULL, returns, NULL);
        pthread_join(pthread, NULL);
    } else if (strcmp(part, "leaks") == 0) {
        pthread_create(&pthread, NULL, returns, NULL);
        pthread_create(&pthread, NULL, at_gate, NULL);
    } else if (strcmp(part, "forks") == 0) {
        pthread_create(&pthread, NULL, returns, NULL);
        pid_t child = fork();
        if (child > 0)
            waitpid(child, NULL, 0);
    } else if (strcmp(part, "_exit") == 0) {
        _exit(0);
    }
    return strcmp(part, "status") == 0 ? 5 : 0;
}

static pid_t start(const char *part)
{
    pid_t pid = fork();
    if (pid == 0) {
        setenv("THREADLEAK_OPTIONS", option, 1);
        execl("/proc/self/exe", "test_exit_socket", part, NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

static int listener;

static int setup(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(name, sizeof name, "threadleak-test-%d", getpid());
    snprintf(option, sizeof option, "exit_socket=%s", name);
    strcpy(address.sun_path + 1, name);
    listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    return bind(listener, (struct sockaddr *)&address, length) || listen(listener, 8);
}

/* Takes the next process that exits: what it says, its pid, and the connection that holds it. */
static int take(uint64_t *kept, pid_t *pid)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    int connection = accept(listener, NULL, NULL);
    assert_true(connection >= 0);
    assert_int_equal(recv(connection, kept, sizeof *kept, 0), sizeof *kept);
    assert_int_equal(getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size), 0);
    *pid = peer.pid;
    return connection;
}

static int status_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void check(const char *part, uint64_t expected, int status)
{
    uint64_t kept;
    pid_t told, pid = start(part);
    int connection = take(&kept, &told), unchanged;
    assert_int_equal(told, pid);
    assert_int_equal(kept, expected);
    assert_int_equal(waitpid(pid, &unchanged, WNOHANG), 0); /* it is held */
    close(connection);
    assert_int_equal(status_of(pid), status);
}

static void test_says_how_many_records_it_has(void **state)
{
    (void)state;
    check("clean", 1, 0);
    check("leaks", 3, 0);
    check("nothing", 1, 0); /* it never created a thread */
}

static void test_the_status_stays(void **state)
{
    (void)state;
    check("status", 1, 5);
}

static void test_a_fork_child_speaks_for_itself(void **state)
{
    (void)state;
    uint64_t kept;
    pid_t told, pid = start("forks");
    int child = take(&kept, &told);
    assert_int_not_equal(told, pid);
    assert_int_equal(kept, 1);
    close(child);
    int parent = take(&kept, &told);
    assert_int_equal(told, pid);
    assert_int_equal(kept, 2);
    close(parent);
    assert_int_equal(status_of(pid), 0);
}

static void test_an_end_without_handlers_is_not_told(void **state)
{
    (void)state;
    assert_int_equal(status_of(start("_exit")), 0);
    struct pollfd waiting = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&waiting, 1, 0), 0);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    strcat(option, "-other");
    assert_int_equal(status_of(start("leaks")), 0);
    sprintf(option, "exit_socket=%0120d", 0);
    assert_int_equal(status_of(start("leaks")), 0);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return play(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_how_many_records_it_has),
        cmocka_unit_test(test_the_status_stays),
        cmocka_unit_test(test_a_fork_child_speaks_for_itself),
        cmocka_unit_test(test_an_end_without_handlers_is_not_told),
        cmocka_unit_test(test_nobody_listens),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
