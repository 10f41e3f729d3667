/* SPDX-License-Identifier: MIT
 *
 * threadleak/catch2.h - every test case of Catch2 (2 and 3) is checked for threads that it leaves behind.
 * Since 0.3.0.
 *
 *     #include <threadleak/catch2.h>
 *     THREADLEAK_CATCH2();     at file scope, in one file of the program; with Catch2 v2 that which has
 *                              CATCH_CONFIG_MAIN or CATCH_CONFIG_RUNNER; after Catch's own header
 *
 * Catch runs a test case once for each of its sections and generated values: each run is a scope of its own,
 * and what leaks fails in that run, as an assertion at the place of the test case; which run and which
 * section is told.
 */
#ifndef THREADLEAK_CATCH2_H
#define THREADLEAK_CATCH2_H

#include <string>

#if !defined(CATCH_VERSION_MAJOR)
#error "threadleak/catch2.h: include Catch's own header before"
#elif CATCH_VERSION_MAJOR < 3 && !defined(CATCH_CONFIG_EXTERNAL_INTERFACES)
#error "threadleak/catch2.h: only where CATCH_CONFIG_MAIN, _RUNNER or _EXTERNAL_INTERFACES is defined"
#endif

#include "test.h"

namespace threadleak
{

#if CATCH_VERSION_MAJOR >= 3
typedef Catch::EventListenerBase catch2_listener_base;
#else
typedef Catch::TestEventListenerBase catch2_listener_base;
#endif

/* The outermost section, which stands for the test case itself, begins and ends with each run. When its end
 * is told, local objects and fixtures are gone, and assertions still count. */
class catch2_listener : public catch2_listener_base
{
  public:
    using catch2_listener_base::catch2_listener_base;

    void testCaseStarting(const Catch::TestCaseInfo &) override
    {
        runs_ = 0;
    }
    void sectionStarting(const Catch::SectionInfo &section) override
    {
        if (depth_++ == 0) {
            runs_++;
            sections_.clear();
            threadleak_test_begin(&test_, std::string(section.name).c_str());
        } else {
            sections_ += (sections_.empty() ? "\"" : " / \"") + std::string(section.name) + "\"";
        }
    }
    void sectionEnded(const Catch::SectionStats &stats) override
    {
        if (--depth_ > 0 || has_crashed_)
            return;
        if (const char *why = threadleak_test_end(&test_, THREADLEAK_QUIET))
            fail(stats.sectionInfo.lineInfo, std::string(why));
    }

    /* Catch's handler of fatal signals ends the sections as well; nothing can be checked in there. */
#if CATCH_VERSION_MAJOR >= 3
    void fatalErrorEncountered(Catch::StringRef) override
    {
        has_crashed_ = true;
    }
#else
    bool assertionEnded(const Catch::AssertionStats &stats) override
    {
        has_crashed_ |= stats.assertionResult.getResultType() == Catch::ResultWas::FatalErrorCondition;
        return false;
    }
#endif

  private:
    /* As FAIL_CHECK does, at the place of the test case. Under --abort, `complete` throws what ends a test;
     * this one has ended, and no exception may leave a listener. */
    void fail(const Catch::SourceLineInfo &where, std::string why)
    {
        if (runs_ > 1 || !sections_.empty())
            why += "\nin run " + std::to_string(runs_) + " of the test case" +
                   (sections_.empty() ? "" : ", in section " + sections_);
        Catch::AssertionHandler handler("threadleak", where, Catch::StringRef(),
                                        Catch::ResultDisposition::ContinueOnFailure);
        handler.handleMessage(Catch::ResultWas::ExplicitFailure, std::move(why));
        CATCH_TRY
        {
            handler.complete();
        }
        CATCH_CATCH_ALL
        {
        }
    }

    threadleak_test test_ = THREADLEAK_TEST_INIT;
    std::string sections_;
    int depth_ = 0;
    int runs_ = 0;
    bool has_crashed_ = false;
};

} /* namespace threadleak */

/* Catch makes a name of what it is given, which must have no colons. */
typedef threadleak::catch2_listener threadleak_catch2_listener;
#define THREADLEAK_CATCH2() CATCH_REGISTER_LISTENER(threadleak_catch2_listener)

#endif
