/* SPDX-License-Identifier: MIT
 *
 * std::barrier, which is all in headers; it waits at a place that others may share.
 * expect: kind=barrier confidence=medium names=needed
 */
#include "waits.h"

#include <barrier>

static std::barrier<> thing(2);

static void prepare()
{
}

static void subject()
{
    thing.arrive_and_wait();
}
