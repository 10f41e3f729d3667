// SPDX-License-Identifier: MIT
//
// A leaked thread waits on a condition variable that is destroyed when the process exits: the destructor
// waits for it (glibc, pthread_cond_destroy), for ever. To be reported before that: 1 outlived.
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

static std::mutex mutex;
static bool waits;

static struct queue {
    std::condition_variable condition;
    ~queue()
    {
        std::puts("destructor");
        std::fflush(stdout);
        pthread_cond_destroy(condition.native_handle());
    }
} queue;

static void consume()
{
    std::unique_lock<std::mutex> lock(mutex);
    waits = true;
    queue.condition.wait(lock, [] { return false; });
}

int main()
{
    std::thread(consume).detach();
    for (;;) {
        std::lock_guard<std::mutex> lock(mutex); // it waits, once we have the lock and it has said so
        if (waits)
            return 0;
    }
}
