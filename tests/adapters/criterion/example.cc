// SPDX-License-Identifier: MIT
//
// Criterion in C++: an exception is told as ever.
#include <stdexcept>

#include <criterion/criterion.h>
#include <threadleak/criterion.h>

#include "../threads.h"

Test(cxx, joins)
{
    join_one();
}

Test(cxx, throws)
{
    throw std::runtime_error("an exception of its own");
}

Test(cxx, leaves_unjoined)
{
    leave_unjoined();
}
