/* SPDX-License-Identifier: MIT
 *
 * The future of std::async: its get joins the thread.
 * expect: kind=join confidence=exact object=- owner=task
 */
#include "waits.h"

#include <future>

static std::future<void> future;

static void prepare()
{
    future = std::async(std::launch::async, [] {
        name_me("task");
        pause();
    });
    others = 1;
}

static void subject()
{
    future.get();
}
