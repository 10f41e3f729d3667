/* SPDX-License-Identifier: MIT
 *
 * threadleak/boost_test.h - every test case of Boost.Test is checked for threads that it leaves behind. Since
 * 0.3.0.
 *
 *     #include <threadleak/boost_test.h>     after <boost/test/unit_test.hpp> or an included/ one
 *     THREADLEAK_BOOST_TEST();               at file scope, in one file of the test program
 *
 * A test case that leaks gets an error at its own place, with the report as its text. Threads that a fixture
 * of a suite creates belong to the suite, which is checked after the fixture's teardown.
 */
#ifndef THREADLEAK_BOOST_TEST_H
#define THREADLEAK_BOOST_TEST_H

#include <boost/test/tree/fixture.hpp>
#include <boost/test/tree/global_fixture.hpp>
#include <boost/test/tree/traverse.hpp>
#include <boost/test/tree/visitor.hpp>
#include <boost/test/unit_test.hpp>

#include "test.h"

namespace threadleak
{

/* A test unit under check: a test case or a suite. */
class boost_test_unit
{
  protected:
    void begin(const boost::unit_test::test_unit &unit)
    {
        threadleak_test_begin(&test_, unit.full_name().c_str());
    }
    void end(const boost::unit_test::test_unit &unit)
    {
        using namespace boost::test_tools::tt_detail;
        if (const char *why = threadleak_test_end(&test_, THREADLEAK_QUIET))
            report_assertion(false, BOOST_TEST_LAZY_MSG(why), unit.p_file_name, unit.p_line_num, CHECK,
                             CHECK_MSG, 0);
    }

  private:
    threadleak_test test_ = THREADLEAK_TEST_INIT;
};

/* Fixtures of a test unit are set up in their order and torn down in reverse, and what a teardown asserts
 * counts for the unit. (When an observer hears of its end, it does not count any more.) */
class boost_test_fixture : public boost::unit_test::test_unit_fixture, boost_test_unit
{
  public:
    explicit boost_test_fixture(const boost::unit_test::test_unit &unit) : unit_(unit)
    {
    }

  private:
    void setup() override
    {
        begin(unit_);
    }
    void teardown() override
    {
        end(unit_);
    }

    const boost::unit_test::test_unit &unit_;
};

/* Gives every test case and every suite such a fixture as its first one; not the master suite, whose fixtures
 * are being set up when this runs. */
class boost_test_visitor : public boost::unit_test::test_tree_visitor
{
  private:
    bool visit(const boost::unit_test::test_unit &unit) override
    {
        using namespace boost::unit_test;
        if (unit.p_id != framework::master_test_suite().p_id) {
            auto &fixtures = framework::get(unit.p_id, TUT_ANY).p_fixtures.value;
            fixtures.insert(fixtures.begin(), test_unit_fixture_ptr(new boost_test_fixture(unit)));
        }
        return true;
    }
};

/* Registers itself; set up when the tree of tests is known, before the first of them. */
class boost_test_global : public boost::unit_test::global_fixture, boost_test_unit
{
    void setup() override
    {
        boost_test_visitor visitor;
        boost::unit_test::traverse_test_tree(boost::unit_test::framework::master_test_suite().p_id, visitor,
                                             true);
        begin(boost::unit_test::framework::master_test_suite());
    }
    void teardown() override
    {
        end(boost::unit_test::framework::master_test_suite());
    }
};

} /* namespace threadleak */

#define THREADLEAK_BOOST_TEST() static threadleak::boost_test_global threadleak_boost_test_

#endif
