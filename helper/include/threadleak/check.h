/* SPDX-License-Identifier: MIT
 *
 * threadleak/check.h - every test of Check is checked for threads that it leaves behind. Since 0.3.0.
 *
 *     #include <threadleak/check.h>         after <check.h>
 *     threadleak_check_tcase(tcase);        for each tcase, right after tcase_create: before its fixtures
 *
 * A test that leaks fails, with the report as its text: Check marks it S, as it does whatever fails in a
 * fixture. Of a test that failed by itself Check keeps the first text alone; with CK_FORK=yes, the default,
 * its process is gone by then. Threads that an unchecked fixture creates belong to no test.
 */
#ifndef THREADLEAK_CHECK_H
#define THREADLEAK_CHECK_H

#include "test.h"

static struct threadleak_test threadleak_check_test_ __attribute__((unused));

static inline void threadleak_check_setup_(void)
{
    threadleak_test_begin(&threadleak_check_test_, "run by Check");
}

static inline void threadleak_check_teardown_(void)
{
    const char *why = threadleak_test_end(&threadleak_check_test_, THREADLEAK_QUIET);
    if (why)
        ck_abort_msg("%s", why);
}

/* Checked fixtures are set up in their order and torn down in reverse: this one, as the first, sees what the
 * others leave behind. It does not know the name of the test, which Check puts beside the text. */
static inline void threadleak_check_tcase(TCase *tcase)
{
    threadleak_test_note();
    tcase_add_checked_fixture(tcase, threadleak_check_setup_, threadleak_check_teardown_);
}

#endif
