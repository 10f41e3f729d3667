/* SPDX-License-Identifier: MIT
 *
 * std::recursive_mutex.
 * expect: kind=mutex confidence=high object=thing owner=owner flavour=recursive
 */
#include "waits.h"

#include <mutex>

static std::recursive_mutex thing;

static void prepare()
{
    thing.lock();
}

static void subject()
{
    thing.lock();
}
