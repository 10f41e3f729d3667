/* SPDX-License-Identifier: MIT
 *
 * threadleak/gtest.h - every test of GoogleTest is checked for threads that it leaves behind. Since 0.3.0.
 *
 *     #include <threadleak/gtest.h>
 *     THREADLEAK_GTEST();        at file scope, in one file of the test program; with gtest_main as well
 *
 * A test that leaks, skipped or failed tests too, gets a failure at its own place, with the report as its
 * text. Threads that SetUpTestSuite creates belong to the suite, and those of an Environment to the program:
 * they are checked after TearDownTestSuite and Environment::TearDown, and fail the suite and the program.
 * A child process of a death test is not checked, at its exit neither: its end is what the test is about.
 */
#ifndef THREADLEAK_GTEST_H
#define THREADLEAK_GTEST_H

#include <string>

#include <gtest/gtest.h>

#include "test.h"

namespace threadleak
{

/* OnTestEnd and its like are called while a failure still counts for what has just ended. Listeners hear of
 * an end in reverse order: this one before the printer. */
class gtest_listener : public testing::EmptyTestEventListener
{
  public:
    void OnEnvironmentsSetUpStart(const testing::UnitTest &) override
    {
        threadleak_test_begin(&program_, "test program");
    }
    void OnEnvironmentsTearDownEnd(const testing::UnitTest &) override
    {
        finish(program_, nullptr, -1);
    }
    void OnTestSuiteStart(const testing::TestSuite &suite) override
    {
        threadleak_test_begin(&suite_, suite.name());
    }
    void OnTestSuiteEnd(const testing::TestSuite &suite) override
    {
        const testing::TestInfo *first = suite.total_test_count() > 0 ? suite.GetTestInfo(0) : nullptr;
        finish(suite_, first ? first->file() : nullptr, first ? first->line() : -1);
    }
    void OnTestStart(const testing::TestInfo &test) override
    {
        threadleak_test_begin(&test_, (std::string(test.test_suite_name()) + "." + test.name()).c_str());
    }
    void OnTestEnd(const testing::TestInfo &test) override
    {
        finish(test_, test.file(), test.line());
    }

  private:
    static void finish(threadleak_test &what, const char *file, int line)
    {
        if (const char *why = threadleak_test_end(&what, THREADLEAK_QUIET))
            ADD_FAILURE_AT(file, line) << why;
    }

    threadleak_test program_ = THREADLEAK_TEST_INIT;
    threadleak_test suite_ = THREADLEAK_TEST_INIT;
    threadleak_test test_ = THREADLEAK_TEST_INIT;
};

#if GTEST_HAS_DEATH_TEST
/* Of both styles. Listeners hear nothing in such a child. */
inline int gtest_is_dying()
{
    return testing::internal::InDeathTestChild();
}
#endif

/* Adds the listener, which GoogleTest deletes at its end; for a program that would rather call it in its
 * main, before RUN_ALL_TESTS. */
inline bool gtest_listen()
{
#if GTEST_HAS_DEATH_TEST
    threadleak_disarm_if(gtest_is_dying);
#endif
    testing::UnitTest::GetInstance()->listeners().Append(new gtest_listener);
    return true;
}

} /* namespace threadleak */

#define THREADLEAK_GTEST()                                                                                   \
    extern const bool threadleak_gtest_;                                                                     \
    const bool threadleak_gtest_ = threadleak::gtest_listen()

#endif
