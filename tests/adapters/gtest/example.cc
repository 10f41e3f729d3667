// SPDX-License-Identifier: MIT
//
// GoogleTest: what leaks is named for it; all other tests pass. Linked with gtest_main: two lines switch it
// on.
#include <thread>

#include <gtest/gtest.h>
#include <threadleak/gtest.h>

#include "../threads.h"

THREADLEAK_GTEST();

TEST(Pool, Joins)
{
    join_one();
}

TEST(Pool, LeavesUnjoined)
{
    leave_unjoined();
}

TEST(Pool, LeavesAlive)
{
    leave_alive();
}

TEST(Pool, JoinsAgain)
{
    std::thread([] { join_one(); }).join();
}

TEST(Pool, FailsAndLeavesUnjoined)
{
    leave_unjoined();
    FAIL() << "a failure of its own";
}

TEST(Pool, SkipsAndLeavesUnjoined)
{
    leave_unjoined();
    GTEST_SKIP() << "skipped for a reason";
}

// A fixture whose TearDown joins: the check comes after it.
class Fixture : public testing::Test
{
  protected:
    pthread_t thread_ = start(finish_at_once);
    void TearDown() override
    {
        join(thread_);
    }
};

TEST_F(Fixture, JoinsInTearDown)
{
}

// A thread of the suite outlives the tests and not the suite.
class GoodSuite : public testing::Test
{
  protected:
    static pthread_t thread_;
    static void SetUpTestSuite()
    {
        thread_ = start(stay_alive);
    }
    static void TearDownTestSuite()
    {
        end(thread_);
    }
};
pthread_t GoodSuite::thread_;

TEST_F(GoodSuite, First)
{
    join_one();
}

TEST_F(GoodSuite, Second)
{
    join_one();
}

class SuiteLeavesAlive : public testing::Test
{
  protected:
    static void SetUpTestSuite()
    {
        leave_alive();
    }
};

TEST_F(SuiteLeavesAlive, ButItsTestDoesNot)
{
    join_one();
}

typedef testing::Types<int, char> IntAndChar;

class Numbers : public testing::TestWithParam<int>
{
};

TEST_P(Numbers, TwoLeavesUnjoined)
{
    if (GetParam() == 2)
        leave_unjoined();
}
INSTANTIATE_TEST_SUITE_P(From1To3, Numbers, testing::Values(1, 2, 3));

// Threads of the suite outlive each value's test and each type's; nothing leaks.
class GoodNumbers : public GoodSuite, public testing::WithParamInterface<int>
{
};

TEST_P(GoodNumbers, Joins)
{
    join_one();
}
INSTANTIATE_TEST_SUITE_P(From1To3, GoodNumbers, testing::Values(1, 2, 3));

template <class T> class GoodTypes : public GoodSuite
{
};
TYPED_TEST_SUITE_P(GoodTypes);

TYPED_TEST_P(GoodTypes, Joins)
{
    join_one();
}
REGISTER_TYPED_TEST_SUITE_P(GoodTypes, Joins);
INSTANTIATE_TYPED_TEST_SUITE_P(IntAndChar, GoodTypes, IntAndChar);

template <class T> class Types : public testing::Test
{
};
TYPED_TEST_SUITE(Types, IntAndChar);

TYPED_TEST(Types, CharLeavesUnjoined)
{
    if (sizeof(TypeParam) == 1)
        leave_unjoined();
}

// The children leave threads behind, which is nobody's concern.
TEST(DyingDeathTest, Fast)
{
    testing::GTEST_FLAG(death_test_style) = "fast";
    EXPECT_EXIT((leave_alive(), _exit(7)), testing::ExitedWithCode(7), "");
}

TEST(DyingDeathTest, Threadsafe)
{
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    EXPECT_EXIT((leave_alive(), _exit(7)), testing::ExitedWithCode(7), "");
}

TEST(DyingDeathTest, AtAnExit)
{
    for (const char *style : {"fast", "threadsafe"}) {
        testing::GTEST_FLAG(death_test_style) = style;
        EXPECT_EXIT((leave_alive(), exit(0)), testing::ExitedWithCode(0), "");
        EXPECT_EXIT((leave_alive(), _exit(0)), testing::ExitedWithCode(0), "");
        EXPECT_DEATH((leave_alive(), abort()), "");
    }
}

TEST(DyingDeathTest, LeavesUnjoinedItself)
{
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    leave_unjoined();
    EXPECT_DEATH(abort(), "");
}

// Two stretches of work in parallel in one test, each a scope: the one that leaks is told, and cleans up.
TEST(Parallel, ExactlyOneOfTwoLeaks)
{
    pthread_barrier_t both;
    pthread_barrier_init(&both, nullptr, 2);
    pthread_t left = 0;
    int leaking = 0, joining = 0;
    threadleak_options quiet = THREADLEAK_OPTIONS_INIT;
    quiet.flags = THREADLEAK_QUIET;
    std::thread first([&] {
        threadleak::scope scope("leaking", &leaking, &quiet);
        pthread_barrier_wait(&both);
        left = start(finish_at_once);
        pthread_barrier_wait(&both);
    });
    std::thread second([&] {
        threadleak::scope scope("joining", &joining, &quiet);
        pthread_barrier_wait(&both);
        join_one();
        pthread_barrier_wait(&both);
    });
    first.join();
    second.join();
    join(left);
    pthread_barrier_destroy(&both);
    if (threadleak_is_loaded()) {
        EXPECT_EQ(leaking, 1);
        EXPECT_EQ(joining, 0);
    }
}
