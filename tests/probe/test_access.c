/* SPDX-License-Identifier: MIT
 *
 * Why a process may not be looked at (helper/probe/access.c): a process without rights looks at another.
 */
#include "child.h"

#include <linux/capability.h>
#include <sys/stat.h>

#include "error.h"
#include "live.h"

#define NOBODY 65534
#define OTHER 65533

static bool become(uid_t real, uid_t effective, gid_t group)
{
    return !setresgid(group, group, group) && !setresuid(real, effective, effective);
}

static bool drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[2] = {{0}};
    return !syscall(SYS_capset, &header, none);
}

static bool become_nobody(void)
{
    return become(NOBODY, NOBODY, NOBODY);
}

static void arrive(struct shared *shared, bool is_ready)
{
    if (is_ready)
        atomic_store(&shared->arrived, 1);
}

static void as_root(struct shared *shared)
{
    arrive(shared, true);
}

static void as_nobody(struct shared *shared)
{
    arrive(shared, become_nobody());
}

static void as_other(struct shared *shared)
{
    arrive(shared, become(OTHER, OTHER, OTHER) && !prctl(PR_SET_DUMPABLE, 1));
}

static void as_dumpable_nobody(struct shared *shared)
{
    arrive(shared, become_nobody() && !prctl(PR_SET_DUMPABLE, 1));
}

static void as_set_uid(struct shared *shared)
{
    arrive(shared, become(NOBODY, 0, NOBODY));
}

static void as_set_gid(struct shared *shared)
{
    arrive(shared, become(NOBODY, NOBODY, OTHER) && !prctl(PR_SET_DUMPABLE, 1));
}

static void as_capable_nobody(struct shared *shared)
{
    prctl(PR_SET_KEEPCAPS, 1);
    arrive(shared, become_nobody() && !prctl(PR_SET_DUMPABLE, 1));
}

/* What somebody with the rights that `begin` leaves is told of a process that runs `body`; "": it may look.
 */
static void look_as(bool (*begin)(void), void (*body)(struct shared *shared), char *said, size_t size)
{
    if (geteuid()) {
        print_message("skipped: only root can become another user\n");
        skip();
    }
    struct child child = start_child(body);
    await(child.shared->arrived == 1);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t looking = fork();
    if (!looking) {
        const char *error = "the rights could not be given up";
        if (begin()) {
            struct source *source = live_open(child.pid, 0);
            error = source ? "" : threadleak_probe_error();
        }
        _exit(write(ends[1], error, strlen(error) + 1) < 0);
    }
    int status;
    assert_int_equal(waitpid(looking, &status, 0), looking);
    assert_int_equal(status, 0);
    assert_true(read(ends[0], said, size) > 0);
    close(ends[0]);
    close(ends[1]);
    end_child(&child);
}

static void assert_told(bool (*begin)(void), void (*body)(struct shared *shared), const char *what)
{
    char said[1024];
    look_as(begin, body, said, sizeof said);
    if (*what ? !strstr(said, what) : *said)
        fail_msg("said: %s", said);
}

static void test_who_may_look(void **state)
{
    (void)state;
    assert_told(become_nobody, as_dumpable_nobody, "");
    assert_told(drop_capabilities, as_root, "has capabilities that we lack");
}

static void test_other_user(void **state)
{
    (void)state;
    assert_told(become_nobody, as_root,
                "belongs to the user with uid 0: look at it as that user, or run threadleak as root");
    assert_told(become_nobody, as_other,
                "belongs to the user with uid 65533: look at it as that user, or run threadleak as root");
}

static void test_more_rights(void **state)
{
    (void)state;
    assert_told(become_nobody, as_set_uid, "has the rights of the user with uid 0 too, since its program is");
    assert_told(become_nobody, as_set_gid, "but gids 65533, 65533 and 65533: run threadleak as root");
    assert_told(become_nobody, as_capable_nobody, "has capabilities that we lack (0x");
}

static void test_not_dumpable(void **state)
{
    (void)state;
    assert_told(
        become_nobody, as_nobody,
        "is not dumpable, since it has changed its user or group, runs a program that is set-uid or may "
        "not be read, or has said so: let it call prctl(PR_SET_DUMPABLE, 1), or run threadleak as root");
}

/* "as root" is no help to root. */
static void test_root_without_the_capability(void **state)
{
    (void)state;
    assert_told(drop_capabilities, as_other,
                "belongs to the user with uid 65533: look at it as that user, or give it the capability "
                "CAP_SYS_PTRACE, which root lacks here (start the container with --cap-add=SYS_PTRACE)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_may_look),
        cmocka_unit_test(test_other_user),
        cmocka_unit_test(test_more_rights),
        cmocka_unit_test(test_not_dumpable),
        cmocka_unit_test(test_root_without_the_capability),
    };
    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
