/* SPDX-License-Identifier: MIT
 *
 * Stands in for Unity, where scripts/frameworks could not fetch it: as much of its interface (2.x) as the
 * example and the adapter use, with Unity's order of things: setUp, the test and tearDown are left by longjmp
 * where one fails, a test that has failed or is ignored hears nothing more, and its line ends with the test.
 */
#ifndef UNITY_H
#define UNITY_H

#include <setjmp.h>
#include <stdio.h>

void setUp(void);
void tearDown(void);

static struct {
    const char *CurrentTestName;
    int CurrentTestFailed, CurrentTestIgnored, NumberOfTests, TestFailures;
    jmp_buf AbortFrame;
} Unity;

#define UNITY_PRINT_EOL() putchar('\n')

static inline void unity_end_test(const char *what, const char *message, int line)
{
    if (!Unity.CurrentTestFailed && !Unity.CurrentTestIgnored)
        printf("%s:%d:%s:%s: %s", __FILE__, line, Unity.CurrentTestName, what, message);
    if (!Unity.CurrentTestIgnored)
        *(*what == 'F' ? &Unity.CurrentTestFailed : &Unity.CurrentTestIgnored) = 1;
    longjmp(Unity.AbortFrame, 1);
}

static inline void UnityDefaultTestRun(void (*test)(void), const char *name)
{
    Unity.CurrentTestName = name;
    Unity.CurrentTestFailed = Unity.CurrentTestIgnored = 0;
    Unity.NumberOfTests++;
    if (setjmp(Unity.AbortFrame) == 0) {
        setUp();
        test();
    }
    if (setjmp(Unity.AbortFrame) == 0)
        tearDown();
    Unity.TestFailures += Unity.CurrentTestFailed;
    if (!Unity.CurrentTestFailed && !Unity.CurrentTestIgnored)
        printf("%s:0:%s:PASS", __FILE__, name);
    UNITY_PRINT_EOL();
}

#define TEST_FAIL_MESSAGE(message) unity_end_test("FAIL", message, __LINE__)
#define TEST_IGNORE_MESSAGE(message) unity_end_test("IGNORE", message, __LINE__)
#define RUN_TEST(test) UnityDefaultTestRun(test, #test)
#define UNITY_BEGIN() ((void)0)
#define UNITY_END() Unity.TestFailures

#endif
