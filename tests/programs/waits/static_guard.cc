/* SPDX-License-Identifier: MIT
 *
 * A static local that another thread initializes.
 * expect: kind=static_local's_guard confidence=high object=guard_variable_for_get()::value
 */
#include "waits.h"

#include <thread>

static int stay()
{
    pause();
    return 0;
}

static int get()
{
    static int value = stay();
    return value;
}

static void prepare()
{
    std::thread(get).detach();
    others = 1;
    await_tasks(2);
}

static void subject()
{
    get();
}
