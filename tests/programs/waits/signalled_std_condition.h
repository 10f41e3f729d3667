/* SPDX-License-Identifier: MIT
 *
 * What signalled.h asks for, by std::condition_variable.
 */
#ifndef SIGNALLED_STD_CONDITION_H
#define SIGNALLED_STD_CONDITION_H

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

#endif
