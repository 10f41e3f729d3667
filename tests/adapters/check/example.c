/* SPDX-License-Identifier: MIT
 *
 * Check: what leaks is named for it; all other tests pass. With CK_FORK=yes (the default) and CK_FORK=no.
 */
#include <check.h>
#include <threadleak/check.h>

#include "../threads.h"

static pthread_t thread;

START_TEST(joins)
{
    join_one();
}
END_TEST

START_TEST(leaves_unjoined)
{
    leave_unjoined();
}
END_TEST

START_TEST(leaves_alive)
{
    leave_alive();
}
END_TEST

START_TEST(fails_and_leaves_unjoined)
{
    leave_unjoined();
    ck_assert_int_eq(1, 2);
}
END_TEST

START_TEST(second_of_three_leaves_unjoined)
{
    if (_i == 1)
        leave_unjoined();
}
END_TEST

/* Fixtures of the test's own. */
static void start_one(void)
{
    thread = start(finish_at_once);
}

static void join_it(void)
{
    join(thread);
}

START_TEST(joins_in_fixture)
{
    ck_assert_int_eq(1, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");

    TCase *simple = tcase_create("simple");
    threadleak_check_tcase(simple);
    tcase_add_test(simple, joins);
    tcase_add_test(simple, leaves_unjoined);
    tcase_add_test(simple, leaves_alive);
    tcase_add_test(simple, fails_and_leaves_unjoined);
    tcase_add_loop_test(simple, second_of_three_leaves_unjoined, 0, 3);
    suite_add_tcase(suite, simple);

    TCase *fixture = tcase_create("fixture");
    threadleak_check_tcase(fixture);
    tcase_add_checked_fixture(fixture, start_one, join_it);
    tcase_add_test(fixture, joins_in_fixture);
    suite_add_tcase(suite, fixture);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_VERBOSE);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
