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

START_TEST(leaves_its_fixture)
{
    join_one();
}
END_TEST

START_TEST(joins_in_fixture)
{
    ck_assert_int_eq(1, 1);
}
END_TEST

/* Unchecked fixtures run in the process of the runner, and last for all tests of a tcase. */
static void start_for_all(void)
{
    thread = start(stay_alive);
}

static void end_for_all(void)
{
    end(thread);
}

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

    TCase *unchecked = tcase_create("unchecked");
    threadleak_check_tcase(unchecked);
    tcase_add_unchecked_fixture(unchecked, start_for_all, end_for_all);
    tcase_add_test(unchecked, joins);
    tcase_add_loop_test(unchecked, second_of_three_leaves_unjoined, 0, 3);
    suite_add_tcase(suite, unchecked);

    TCase *leaky = tcase_create("leaky");
    threadleak_check_tcase(leaky);
    tcase_add_checked_fixture(leaky, start_for_all, NULL);
    tcase_add_loop_test(leaky, leaves_its_fixture, 0, 2);
    suite_add_tcase(suite, leaky);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_VERBOSE);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
