/* SPDX-License-Identifier: MIT
 *
 * cmocka: what leaks is named for it; all other tests pass. The array gives its name to the group.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <threadleak/cmocka.h>

#include "../threads.h"

static void joins(void **state)
{
    (void)state;
    join_one();
}

static void leaves_unjoined(void **state)
{
    (void)state;
    leave_unjoined();
}

static void leaves_alive(void **state)
{
    (void)state;
    leave_alive();
}

static void fails_and_leaves_unjoined(void **state)
{
    (void)state;
    leave_unjoined();
    assert_int_equal(1, 2);
}

static void skips_and_leaves_unjoined(void **state)
{
    (void)state;
    leave_unjoined();
    skip();
}

/* A setup and a teardown of the test's own go on as ever. */
static int start_one(void **state)
{
    static pthread_t thread;
    assert_string_equal(*state, "from the array");
    thread = start(finish_at_once);
    *state = &thread;
    return 0;
}

static void uses_it(void **state)
{
    assert_non_null(*(pthread_t *)*state);
}

static int join_it(void **state)
{
    join(*(pthread_t *)*state);
    return 0;
}

static int leave_it(void **state)
{
    (void)state;
    return 0;
}

static void sees_the_state_of_the_group(void **state)
{
    assert_string_equal(*state, "from the group");
}

static int leave_alive_in_group(void **state)
{
    leave_alive();
    *state = "from the group";
    return 0;
}

static int tear_down_group(void **state)
{
    assert_string_equal(*state, "from the group");
    return 0;
}

static const struct CMUnitTest pool[] = {
    cmocka_unit_test(joins),
    cmocka_unit_test(leaves_unjoined),
    cmocka_unit_test(leaves_alive),
    cmocka_unit_test(fails_and_leaves_unjoined),
    cmocka_unit_test(skips_and_leaves_unjoined),
    {"joins_in_teardown", uses_it, start_one, join_it, "from the array"},
    {"leaves_unjoined_in_teardown", uses_it, start_one, leave_it, "from the array"},
};

static const struct CMUnitTest joining[] = {
    cmocka_unit_test(joins),
    cmocka_unit_test(leaves_unjoined),
};

static const struct CMUnitTest leaky_group[] = {
    cmocka_unit_test(joins),
    cmocka_unit_test(sees_the_state_of_the_group),
};

static int start_in_group(void **state)
{
    static pthread_t thread;
    thread = start(stay_alive);
    *state = &thread;
    return 0;
}

static int end_in_group(void **state)
{
    end(*(pthread_t *)*state);
    return 0;
}

static int start_and_fail(void **state)
{
    start_in_group(state);
    return -1;
}

/* The group that is named on the command line. */
int main(int count, char **words)
{
    if (count > 1 && strcmp(words[1], "leaky_group") == 0)
        return threadleak_cmocka_run_group_tests(leaky_group, leave_alive_in_group, tear_down_group);
    if (count > 1 && strcmp(words[1], "good_group") == 0)
        return threadleak_cmocka_run_group_tests_name("good_group", joining, start_in_group, end_in_group);
    if (count > 1 && strcmp(words[1], "group_without_setup") == 0)
        return threadleak_cmocka_run_group_tests_name("group_without_setup", joining, start_and_fail,
                                                      end_in_group);
    return threadleak_cmocka_run_group_tests(pool, NULL, NULL);
}
