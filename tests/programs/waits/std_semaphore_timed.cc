/* SPDX-License-Identifier: MIT
 *
 * std::counting_semaphore, until a time that is far away. Not optimized it calls syscall() with seven
 * arguments, one of them on the stack: where its frame ends cannot be told without a stop.
 * expect: kind=semaphore confidence=medium object=thing timed=yes deadline=yes names=needed optimized=needed
 */
#include "waits.h"

#include <chrono>
#include <semaphore>

static std::counting_semaphore<8> thing(0);

static void prepare()
{
}

static void subject()
{
    (void)thing.try_acquire_for(std::chrono::hours(1000));
}
