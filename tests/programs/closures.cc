// SPDX-License-Identifier: MIT
// Threads of one start routine, libstdc++'s, that run three different closures.
#include "scenario.h"

#include <thread>

int main()
{
    std::thread one([] { block(); });
    std::thread two([] { block(); });
    std::thread three([] { block(); });
    await_arrivals(3);
    be_looked_at(4);
}
