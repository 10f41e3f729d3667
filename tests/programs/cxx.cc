// SPDX-License-Identifier: MIT
//
// Threads that C++ and OpenMP make on behalf of their caller. To be reported, each alive and each with the
// function that asked for it as the user's own frame:
//   std-thread   use_thread
//   std-jthread  use_jthread
//   std-async    use_async
//   openmp       use_openmp
#include "scenario.h"

#include <future>
#include <memory>
#include <thread>

static void stay(const char *name)
{
    name_me(name);
    block();
}

static void use_thread()
{
    std::thread(stay, "std-thread").detach(); // creates std-thread
}

static std::unique_ptr<std::jthread> use_jthread()
{
    return std::make_unique<std::jthread>(stay, "std-jthread"); // creates std-jthread
}

static std::future<void> use_async()
{
    return std::async(std::launch::async, stay, "std-async"); // creates std-async
}

// gcc 12 gives a call that it inlined around a parallel region to the function inlined before it
__attribute__((noinline)) static void use_openmp()
{
#pragma omp parallel num_threads(2) // creates openmp
    {
        if (gettid() != getpid())
            name_me("openmp");
    }
    asm volatile(""); // or the call is a jump, which leaves no frame
}

int main()
{
    use_thread();
    auto jthread = use_jthread();
    auto future = use_async();
    use_openmp();
    await_arrivals(3);
    be_looked_at(5);
}
