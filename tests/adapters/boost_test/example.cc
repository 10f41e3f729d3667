// SPDX-License-Identifier: MIT
//
// Boost.Test: what leaks is named for it; all other test cases pass.
#define BOOST_TEST_MODULE example
#include <boost/test/included/unit_test.hpp>
#include <threadleak/boost_test.h>

#include <boost/test/data/test_case.hpp>

#include "../threads.h"

THREADLEAK_BOOST_TEST();

BOOST_AUTO_TEST_CASE(joins)
{
    join_one();
}

BOOST_AUTO_TEST_CASE(leaves_unjoined)
{
    leave_unjoined();
}

BOOST_AUTO_TEST_CASE(leaves_alive)
{
    leave_alive();
}

BOOST_AUTO_TEST_CASE(fails_and_leaves_unjoined)
{
    leave_unjoined();
    BOOST_REQUIRE_EQUAL(1, 2);
}

BOOST_AUTO_TEST_CASE(throws_and_leaves_unjoined)
{
    leave_unjoined();
    throw std::runtime_error("an exception of its own");
}

BOOST_DATA_TEST_CASE(two_leaves_unjoined, boost::unit_test::data::xrange(1, 4), number)
{
    if (number == 2)
        leave_unjoined();
}

struct Fixture {
    pthread_t thread = start(finish_at_once);
    ~Fixture()
    {
        join(thread);
    }
};

BOOST_FIXTURE_TEST_CASE(joins_in_its_fixture, Fixture)
{
}

struct SuiteFixture {
    pthread_t thread = start(stay_alive);
    ~SuiteFixture()
    {
        end(thread);
    }
};

BOOST_AUTO_TEST_SUITE(good_suite, *boost::unit_test::fixture<SuiteFixture>())
BOOST_DATA_TEST_CASE(each_joins, boost::unit_test::data::make({1, 2}) ^ boost::unit_test::data::xrange(2), a,
                     b)
{
    BOOST_TEST(a > b);
    join_one();
}
BOOST_AUTO_TEST_CASE(joins)
{
    join_one();
}
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(suite_leaves_alive, *boost::unit_test::fixture(leave_alive))
BOOST_AUTO_TEST_CASE(but_its_test_does_not)
{
    join_one();
}
BOOST_AUTO_TEST_SUITE_END()
