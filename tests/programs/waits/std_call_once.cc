/* SPDX-License-Identifier: MIT
 *
 * std::call_once whose function does not return.
 * expect: kind=once confidence=high object=thing owner=runner
 */
#include "waits.h"

#include <mutex>
#include <thread>

static std::once_flag thing;

static void stay()
{
    name_me("runner");
    pause();
}

static void prepare()
{
    std::thread([] { std::call_once(thing, stay); }).detach();
    others = 1;
    await_tasks(2);
}

static void subject()
{
    std::call_once(thing, stay);
}
