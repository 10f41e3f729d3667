/* SPDX-License-Identifier: MIT
 *
 * std::condition_variable_any with a shared mutex: it has a mutex of its own inside.
 * expect: kind=condition_variable confidence=high object=thing
 */
#include "waits.h"

#include <condition_variable>
#include <mutex>
#include <shared_mutex>

static std::shared_mutex mutex;
static std::condition_variable_any thing;

static void prepare()
{
}

static void subject()
{
    std::shared_lock<std::shared_mutex> lock(mutex);
    thing.wait(lock);
}
