/* SPDX-License-Identifier: MIT
 *
 * threadleak/unity.h - every test of Unity (2.4 and later) is checked for threads that it leaves behind.
 * Since 0.3.0.
 *
 *     #include <threadleak/unity.h>                      after <unity.h>
 *     void setUp(void) { threadleak_unity_set_up(); ... }
 *     void tearDown(void) { ... threadleak_unity_tear_down(); }      first and last, in that order
 *
 * A test that leaks fails with the first line of the report; Unity's texts have one line, so the report
 * itself goes to stderr. What a test that failed or was ignored leaves behind is checked too.
 */
#ifndef THREADLEAK_UNITY_H
#define THREADLEAK_UNITY_H

#include "test.h"

static struct threadleak_test threadleak_unity_test_ __attribute__((unused));

static inline void threadleak_unity_set_up(void)
{
    threadleak_test_begin(&threadleak_unity_test_, Unity.CurrentTestName);
}

static inline void threadleak_unity_tear_down(void)
{
    if (!threadleak_test_end(&threadleak_unity_test_, 0))
        return;
    if (Unity.CurrentTestIgnored) {
        Unity.CurrentTestIgnored = 0; /* else it would stay ignored, */
        UNITY_PRINT_EOL();            /* and share its line (unity.c, UnityConcludeTest) */
    }
    TEST_FAIL_MESSAGE(threadleak_test_headline(&threadleak_unity_test_));
}

#endif
