/* SPDX-License-Identifier: MIT
 *
 * std::condition_variable after two signals: in the first group again of waiters.
 * expect: kind=condition_variable confidence=high object=thing mutex=mutex detail=1_waiting group=0
 */
#define SIGNALS 2
#include "signalled.h"

#include <condition_variable>
#include <mutex>

static std::mutex mutex;
static std::condition_variable thing;

static void lock_it()
{
    mutex.lock();
}

static void unlock_it()
{
    mutex.unlock();
}

static void wait_for_it()
{
    std::unique_lock<std::mutex> lock(mutex, std::adopt_lock);
    thing.wait(lock);
    lock.release();
}

static void signal_it()
{
    thing.notify_one();
}
