// SPDX-License-Identifier: MIT
//
// A second file of the program that includes the adapter.
#include <gtest/gtest.h>
#include <threadleak/gtest.h>

#include "../threads.h"

TEST(SecondFile, Joins)
{
    join_one();
}
