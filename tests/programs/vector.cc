// SPDX-License-Identifier: MIT
// Threads that nobody joins, all made in one line: the vector makes the first three while it grows, and the
// fourth in the room that it has then.
#include <thread>
#include <unistd.h>
#include <vector>

static void work()
{
    pause();
}

int main()
{
    auto &pool = *new std::vector<std::thread>;
    for (int i = 0; i < 4; i++)
        pool.emplace_back(work); // made here
    exit(0);
}
