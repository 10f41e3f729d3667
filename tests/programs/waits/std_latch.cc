/* SPDX-License-Identifier: MIT
 *
 * std::latch, which is all in headers.
 * expect: kind=latch confidence=medium object=thing names=needed
 */
#include "waits.h"

#include <latch>

static std::latch thing(1);

static void prepare()
{
}

static void subject()
{
    thing.wait();
}
