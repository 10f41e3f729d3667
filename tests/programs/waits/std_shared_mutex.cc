/* SPDX-License-Identifier: MIT
 *
 * std::shared_mutex, by one who reads, held by one who writes.
 * expect: kind=rwlock_for_reading confidence=high object=thing owner=owner
 */
#include "waits.h"

#include <shared_mutex>

static std::shared_mutex thing;

static void prepare()
{
    thing.lock();
}

static void subject()
{
    thing.lock_shared();
}
