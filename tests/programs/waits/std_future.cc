/* SPDX-License-Identifier: MIT
 *
 * The future of a promise that nobody keeps.
 * expect: kind=future confidence=high object=-
 */
#include "waits.h"

#include <future>

static std::promise<int> promise;

static void prepare()
{
}

static void subject()
{
    promise.get_future().wait();
}
