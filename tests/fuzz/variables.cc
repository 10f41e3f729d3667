// SPDX-License-Identifier: MIT
//
// variables.cc - every kind of type on the way to a variable's part: a seed of fuzz_variables.c.
struct Empty {
};
struct Base {
    virtual void run();
    int number;
};
struct Shared {
    long held;
};
union Word {
    struct {
        int low, high;
    };
    char bytes[8];
    long whole;
};
struct Cache : Empty, Base, virtual Shared {
    static int count;
    unsigned flag : 1;
    Word words[2][3];
    struct {
        int __elements[4];
    } array;
    const volatile Cache *next;
};
typedef Cache cache_t;

void Base::run()
{
    static cache_t inner;
    inner.number++;
}
int Cache::count;
namespace app
{
cache_t caches[2];
static thread_local int of_thread;
int *place()
{
    return &of_thread;
}
} // namespace app
