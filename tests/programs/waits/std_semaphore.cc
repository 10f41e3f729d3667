/* SPDX-License-Identifier: MIT
 *
 * std::counting_semaphore, which is all in headers.
 * expect: kind=semaphore confidence=medium object=thing names=needed
 */
#include "waits.h"

#include <semaphore>

static std::counting_semaphore<8> thing(0);

static void prepare()
{
}

static void subject()
{
    thing.acquire();
}
