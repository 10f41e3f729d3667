/* SPDX-License-Identifier: MIT
 *
 * threadleak/test.h - a test as a scope: what the adapters for the test frameworks share, and what a test
 * program without a framework uses directly. C99 and C++11, since 0.3.0.
 *
 *     struct threadleak_test test = THREADLEAK_TEST_INIT;
 *     threadleak_test_begin(&test, "queue_drains");
 *     queue_drains();
 *     const char *why = threadleak_test_end(&test, 0);
 *     if (why) fail the test with this text
 *
 * Tests may run in parallel, each on a thread of its own with a struct of its own: what a test creates, and
 * what that creates, belongs to that test.
 *
 * Where the library is not loaded, nothing is checked; one sentence on stderr says so, once. With
 * THREADLEAK_REQUIRED=1 in the environment, as befits CI, every test fails there instead.
 */
#ifndef THREADLEAK_TEST_H
#define THREADLEAK_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../threadleak.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A test, and its text: the first lines of a report are 2 KiB at most. */
struct threadleak_test {
    threadleak_scope_t scope;
    threadleak_scope_t outer; /* the scope that the calling thread was in before */
    int is_open;
    char message[2048 + 1];
};

#define THREADLEAK_TEST_INIT                                                                                 \
    {                                                                                                        \
        0, 0, 0, ""                                                                                          \
    }

/* One in the process, however many files include this. */
extern int threadleak_test_noted_;
__attribute__((weak)) int threadleak_test_noted_ = 0;

/* Whether tests must fail where the library is not loaded. */
static inline int threadleak_test_is_required(void)
{
    const char *value = getenv("THREADLEAK_REQUIRED");
    return value && *value && strcmp(value, "0") != 0;
}

/* Says, once in the process, that threads are not checked, if that is so. For test programs that fork: to be
 * called before they do, so that it is not said in each child. */
static inline void threadleak_test_note(void)
{
    if (threadleak_is_loaded() || threadleak_test_is_required() || threadleak_test_noted_)
        return;
    threadleak_test_noted_ = 1;
    fputs("threadleak: threads are not checked in these tests: start them with LD_PRELOAD=libthreadleak.so, "
          "or link with -lthreadleak; THREADLEAK_REQUIRED=1 makes this a failure\n",
          stderr);
}

/* Ends `test`. NULL: nothing leaked. Else what the test is to fail with: the first lines of the report, or
 * why it cannot be told; it lies in `test`. `flags` as in struct threadleak_options: without THREADLEAK_QUIET
 * the report is printed as well. Of a test that has not begun, or has ended already: NULL. */
static inline const char *threadleak_test_end(struct threadleak_test *test, uint32_t flags)
{
    struct threadleak_options how = THREADLEAK_OPTIONS_INIT;
    const char *options = getenv("THREADLEAK_OPTIONS");
    int leaked;

    if (!test->is_open)
        return NULL;
    test->is_open = 0;
    how.flags = options && strstr(options, "log_path=") ? flags & ~THREADLEAK_QUIET : flags;
    how.message = test->message;
    how.room = sizeof test->message;
    leaked = threadleak_scope_end(test->scope, &how);
    threadleak_adopt(test->outer);
    if (leaked == 0 || (!threadleak_is_loaded() && !threadleak_test_is_required()))
        return NULL;
    return test->message;
}

/* The text that threadleak_test_end returned, cut to its first line; for frameworks whose texts are short. */
static inline const char *threadleak_test_headline(struct threadleak_test *test)
{
    test->message[strcspn(test->message, "\n")] = '\0';
    return test->message;
}

/* Begins a test on the calling thread. It is no part of the scope that the thread is in (of its suite, say):
 * what a test leaves behind is reported once. If `test` has not ended, because the one before was left by
 * longjmp, that one is checked now, and reported on stderr. */
static inline void threadleak_test_begin(struct threadleak_test *test, const char *name)
{
    threadleak_test_note();
    threadleak_test_end(test, 0);
    test->outer = threadleak_unscoped();
    test->scope = threadleak_scope_begin(name);
    test->is_open = 1;
}

#ifdef __cplusplus
}
#endif

#endif
