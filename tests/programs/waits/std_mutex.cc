/* SPDX-License-Identifier: MIT
 *
 * std::mutex.
 * expect: kind=mutex confidence=high object=thing owner=owner flavour=normal
 */
#include "waits.h"

#include <mutex>

static std::mutex thing;

static void prepare()
{
    thing.lock();
}

static void subject()
{
    thing.lock();
}
