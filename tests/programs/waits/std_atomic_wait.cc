/* SPDX-License-Identifier: MIT
 *
 * std::atomic<int>::wait, which is all in headers: named by debug information alone.
 * expect: kind=atomic_wait confidence=medium object=thing names=needed
 */
#include "waits.h"

#include <atomic>

static std::atomic<int> thing;

static void prepare()
{
}

static void subject()
{
    thing.wait(0);
}
