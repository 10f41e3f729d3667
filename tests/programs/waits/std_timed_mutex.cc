/* SPDX-License-Identifier: MIT
 *
 * std::timed_mutex, for a time.
 * expect: kind=mutex confidence=high object=thing owner=owner flavour=normal timed=yes deadline=yes
 */
#include "waits.h"

#include <chrono>
#include <mutex>

static std::timed_mutex thing;

static void prepare()
{
    thing.lock();
}

static void subject()
{
    (void)thing.try_lock_for(std::chrono::hours(10000));
}
