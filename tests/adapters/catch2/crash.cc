// SPDX-License-Identifier: MIT
//
// Catch2: a test case that dies of a signal.
#include <csignal>

#if defined(CATCH_3)
#include <catch2/catch_all.hpp>
#else
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
#include <threadleak/catch2.h>

#include "../threads.h"

THREADLEAK_CATCH2();

TEST_CASE("leaves alive and crashes")
{
    leave_alive();
    raise(SIGSEGV);
}
