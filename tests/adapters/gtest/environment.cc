// SPDX-License-Identifier: MIT
//
// GoogleTest: a thread that an Environment leaves behind fails the program, and none of its tests.
#include <gtest/gtest.h>
#include <threadleak/gtest.h>

#include "../threads.h"

class LeavesAlive : public testing::Environment
{
    void SetUp() override
    {
        leave_alive();
    }
};

TEST(Pool, Joins)
{
    join_one();
}

int main(int argc, char **argv)
{
    testing::InitGoogleTest(&argc, argv);
    testing::AddGlobalTestEnvironment(new LeavesAlive);
    threadleak::gtest_listen();
    return RUN_ALL_TESTS();
}
