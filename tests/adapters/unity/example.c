/* SPDX-License-Identifier: MIT
 *
 * Unity: what leaks is named for it; all other tests pass.
 */
#include <unity.h>

#include <threadleak/unity.h>

#include "../threads.h"

static pthread_t thread;

void setUp(void)
{
    threadleak_unity_set_up();
    thread = start(finish_at_once);
}

void tearDown(void)
{
    join(thread);
    threadleak_unity_tear_down();
}

static void joins(void)
{
    join_one();
}

static void leaves_unjoined(void)
{
    leave_unjoined();
}

static void leaves_alive(void)
{
    leave_alive();
}

static void fails_and_leaves_unjoined(void)
{
    leave_unjoined();
    TEST_FAIL_MESSAGE("a failure of its own");
}

static void is_ignored_and_leaves_unjoined(void)
{
    leave_unjoined();
    TEST_IGNORE_MESSAGE("ignored for a reason");
}

int main(void)
{
    UNITY_BEGIN();
    RUN_TEST(joins);
    RUN_TEST(leaves_unjoined);
    RUN_TEST(leaves_alive);
    RUN_TEST(fails_and_leaves_unjoined);
    RUN_TEST(is_ignored_and_leaves_unjoined);
    return UNITY_END();
}
