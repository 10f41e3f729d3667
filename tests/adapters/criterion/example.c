/* SPDX-License-Identifier: MIT
 *
 * Criterion: what leaks is named for it; all other tests pass.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <criterion/theories.h>
#include <threadleak/criterion.h>

#include "../threads.h"

static pthread_t thread;

Test(pool, joins)
{
    join_one();
}

Test(pool, leaves_unjoined)
{
    leave_unjoined();
}

Test(pool, leaves_alive)
{
    leave_alive();
}

Test(pool, fails_and_leaves_unjoined)
{
    leave_unjoined();
    cr_assert_eq(1, 2);
}

static void start_one(void)
{
    thread = start(finish_at_once);
}

static void join_it(void)
{
    join(thread);
}

Test(pool, joins_in_fini, .init = start_one, .fini = join_it)
{
    cr_assert_neq(thread, 0);
}

Test(pool, leaves_unjoined_of_init, .init = start_one)
{
}

TestSuite(suite, .init = start_one, .fini = join_it);

Test(suite, joins_in_fini_of_suite)
{
    cr_assert_neq(thread, 0);
}

Test(suite, leaves_unjoined_beside)
{
    leave_unjoined();
}

ParameterizedTestParameters(numbers, two_leaves_unjoined)
{
    static int numbers[] = {1, 2, 3};
    return cr_make_param_array(int, numbers, 3);
}

ParameterizedTest(int *number, numbers, two_leaves_unjoined)
{
    if (*number == 2)
        leave_unjoined();
}

TheoryDataPoints(numbers, five_leaves_unjoined) = {
    DataPoints(int, 4, 5, 6),
};

Theory((int number), numbers, five_leaves_unjoined)
{
    cr_assume_neq(number, 4);
    if (number == 5)
        leave_unjoined();
}

TheoryDataPoints(numbers, six_fails_and_leaves_unjoined) = {
    DataPoints(int, 5, 6),
};

Theory((int number), numbers, six_fails_and_leaves_unjoined)
{
    if (number == 6)
        leave_unjoined();
    cr_assert_neq(number, 6);
}

TheoryDataPoints(numbers, each_joins) = {
    DataPoints(int, 1, 2),
    DataPoints(char, 'a', 'b'),
};

Theory((int number, char letter), numbers, each_joins)
{
    cr_assume_neq(number + letter, 0);
    join_one();
}
