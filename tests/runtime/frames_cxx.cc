/* SPDX-License-Identifier: MIT
 *
 * frames_cxx.cc - frames as C++ compilers make them, with exceptions in flight.
 */
#include "frames.h"

#include <algorithm>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>

namespace
{

struct Base {
    virtual ~Base() = default;
    virtual void run(frames_plan *plan) = 0;
};

struct Derived : Base {
    std::string name = "a string that is too long to be stored inline";
    void run(frames_plan *plan) override
    {
        frames_next(plan);
        name += "!";
    }
};

struct RunsAtEnd {
    frames_plan *plan;
    ~RunsAtEnd()
    {
        frames_next(plan);
    }
};

__attribute__((noinline)) void fail(const char *text)
{
    throw std::runtime_error(text);
}

__attribute__((noinline)) void fail_with_destructor(frames_plan *plan)
{
    std::string text(plan->seed % 100, 'x');
    RunsAtEnd at_end{plan};
    fail(text.c_str());
}

} // namespace

extern "C" void frames_catch(frames_plan *plan)
{
    std::string text = "x";
    try {
        fail("first");
    } catch (const std::exception &error) {
        text += error.what();
        frames_next(plan);
    }
}

extern "C" void frames_rethrow(frames_plan *plan)
{
    try {
        try {
            fail("first");
        } catch (...) {
            fail("second");
        }
    } catch (const std::exception &) {
        frames_next(plan);
    }
}

extern "C" void frames_destructor(frames_plan *plan)
{
    try {
        fail_with_destructor(plan);
    } catch (const std::exception &) {
    }
}

extern "C" void frames_virtual(frames_plan *plan)
{
    Derived derived;
    Base &base = derived;
    base.run(plan);
}

extern "C" void frames_function(frames_plan *plan)
{
    std::string text(100, 'x');
    std::function<void()> call = [plan, text] { frames_next(plan); };
    call();
}

extern "C" void frames_sort(frames_plan *plan)
{
    int numbers[] = {3, 1, 2};
    std::sort(numbers, numbers + 3, [&plan](int a, int b) {
        frames_plan *once = plan;
        plan = nullptr;
        if (once)
            frames_next(once);
        return a < b;
    });
}

extern "C" void frames_noexcept(frames_plan *plan)
{
    auto call = [](frames_plan *to_run) noexcept { frames_next(to_run); };
    std::string text(50, 'x');
    call(plan);
}

extern "C" void frames_call_once(frames_plan *plan)
{
    std::once_flag flag;
    std::call_once(flag, [plan] { frames_next(plan); });
}
