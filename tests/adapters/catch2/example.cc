// SPDX-License-Identifier: MIT
//
// Catch2: what leaks is named for it; all other test cases pass.
#include <thread>

#if defined(CATCH_3)
#include <catch2/catch_all.hpp>
#else
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
#include <threadleak/catch2.h>

#include "../threads.h"

THREADLEAK_CATCH2();

TEST_CASE("joins")
{
    join_one();
    SUCCEED();
}

TEST_CASE("leaves unjoined")
{
    leave_unjoined();
    SUCCEED();
}

TEST_CASE("leaves alive")
{
    leave_alive();
    SUCCEED();
}

TEST_CASE("joins in sections")
{
    SECTION("one")
    {
        join_one();
    }
    SECTION("two")
    {
        join_one();
    }
    SUCCEED();
}

TEST_CASE("one section leaves unjoined")
{
    SECTION("good")
    {
        join_one();
    }
    SECTION("bad")
    {
        SECTION("inner")
        {
            leave_unjoined();
        }
    }
    SECTION("good again")
    {
        join_one();
    }
    SUCCEED();
}

TEST_CASE("one generated value leaves unjoined")
{
    if (GENERATE(1, 2, 3) == 2)
        leave_unjoined();
    SUCCEED();
}

TEST_CASE("one of two parallel threads leaves unjoined")
{
    std::thread first(join_one), second(leave_unjoined);
    first.join();
    second.join();
    SUCCEED();
}

TEST_CASE("throws and leaves unjoined")
{
    leave_unjoined();
    throw std::runtime_error("an exception of its own");
}

struct Fixture {
    pthread_t thread = start(finish_at_once);
    ~Fixture()
    {
        join(thread);
    }
};

#if defined(CATCH_3)
/* One object for all runs of its test case: its thread outlives each run. */
struct PersistentFixture {
    pthread_t thread = start(stay_alive);
    ~PersistentFixture()
    {
        end(thread);
    }
};

TEST_CASE_PERSISTENT_FIXTURE(PersistentFixture, "joins in its persistent fixture")
{
    SECTION("one")
    {
        join_one();
    }
    SECTION("two")
    {
        join_one();
    }
    SUCCEED();
}
#endif

TEST_CASE_METHOD(Fixture, "joins in its fixture")
{
    SUCCEED();
}
