/* SPDX-License-Identifier: MIT
 *
 * variables_cxx.cc - objects in variables of C++; see variables.h.
 */
#include "variables.h"

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unistd.h>

struct Empty {
};
struct Base {
    virtual ~Base() = default;
    int number = 0;
    std::mutex of_base;
};
struct Other {
    std::mutex of_other;
};
struct Virtual {
    std::mutex of_virtual;
};

namespace app
{
class Cache : public Empty, public Base, private Other
{
  public:
    static std::mutex shared;
    inline static std::condition_variable all;
    const void *other()
    {
        return &of_other;
    }
    std::mutex mutex;
    std::array<std::mutex, 4> shards;
    std::atomic<int> count{0};

    template <typename T> static const void *in_template(T)
    {
        static std::mutex mutex;
        return &mutex;
    }
};
std::mutex Cache::shared;

struct Lock : Empty {
    std::mutex mutex;
};

struct Derived : virtual Virtual {
    std::mutex own;
};

namespace
{
Cache cache;
std::shared_mutex reader;
struct {
    std::recursive_mutex inner;
} nameless[2];
} // namespace

__attribute__((noinline)) static const void *worker(int)
{
    static Lock lock;
    return &lock.mutex;
}

inline namespace v1
{
std::timed_mutex timed;
}
Lock lock;
Derived derived;
} // namespace app

inline const void *inlined()
{
    static std::mutex once;
    return &once;
}

extern "C" {
std::mutex plain;
__attribute__((noinline)) const void *exported()
{
    static std::mutex in_exported;
    return &in_exported;
}

row named[] = {
    {nullptr, "app::(anonymous namespace)::cache.mutex", "app::(anonymous namespace)::cache+0x60", 0},
    {nullptr, "app::(anonymous namespace)::cache.of_base", "app::(anonymous namespace)::cache+0x10", 0},
    {nullptr, "app::(anonymous namespace)::cache.of_other", "app::(anonymous namespace)::cache+0x38", 0},
    {nullptr, "app::(anonymous namespace)::cache.shards[2]", "app::(anonymous namespace)::cache+0xd8", 0},
    {nullptr, "app::(anonymous namespace)::cache.count", "app::(anonymous namespace)::cache+0x128", 0},
    {nullptr, "app::(anonymous namespace)::reader", "app::(anonymous namespace)::reader", 0},
    {nullptr, "app::(anonymous namespace)::nameless[1].inner", "app::(anonymous namespace)::nameless+0x28",
     0},
    {nullptr, "app::worker(int)::lock.mutex", "app::worker(int)::lock", IN_FUNCTION},
    {nullptr, "inlined()::once", "inlined()::once", EXPORTED | IN_FUNCTION},
    {nullptr, "app::Cache::in_template<long>(long)::mutex", "app::Cache::in_template<long>(long)::mutex",
     EXPORTED | IN_FUNCTION},
    {nullptr, "exported::in_exported", "exported::in_exported", IN_FUNCTION},
    {nullptr, "", "", 0},
    {&app::Cache::shared, "app::Cache::shared", "app::Cache::shared", EXPORTED},
    {&app::Cache::all, "app::Cache::all", "app::Cache::all", EXPORTED},
    {&app::timed, "app::v1::timed", "app::v1::timed", EXPORTED},
    {&app::lock, "app::lock.mutex", "app::lock", EXPORTED},
    {&app::derived.own, "app::derived.own", "app::derived+0x8", EXPORTED},
    {nullptr, "app::derived+0x30", "app::derived+0x30", EXPORTED},
    {&plain, "plain", "plain", EXPORTED},
    {nullptr, nullptr, nullptr, 0},
};
}

int main()
{
    auto on_heap = std::make_unique<std::mutex>();
    const volatile void *addresses[] = {
        &app::cache.mutex,           &app::cache.of_base, app::cache.other(),
        &app::cache.shards[2],       &app::cache.count,   &app::reader,
        &app::nameless[1],           app::worker(1),      inlined(),
        app::Cache::in_template(1L), exported(),          on_heap.get(),
    };
    row *next = named;
    for (const volatile void *address : addresses)
        next++->address = address;
    for (row *each = next; each->name; each++)
        if (!each->address)
            each->address = &app::derived.of_virtual; /* where that is the program finds out itself */
    if (write(1, "ready\n", 6) != 6)
        return 1;
    pause();
}
