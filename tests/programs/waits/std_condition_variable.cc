/* SPDX-License-Identifier: MIT
 *
 * std::condition_variable.
 * expect: kind=condition_variable confidence=high object=thing mutex=mutex
 */
#include "waits.h"

#include <condition_variable>
#include <mutex>

static std::mutex mutex;
static std::condition_variable thing;

static void prepare()
{
}

static void subject()
{
    std::unique_lock<std::mutex> lock(mutex);
    thing.wait(lock);
}
