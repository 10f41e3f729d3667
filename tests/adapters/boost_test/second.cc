// SPDX-License-Identifier: MIT
//
// A second file of the program that includes the adapter.
#include <boost/test/unit_test.hpp>
#include <threadleak/boost_test.h>

#include "../threads.h"

BOOST_AUTO_TEST_CASE(joins_in_the_second_file)
{
    join_one();
}
