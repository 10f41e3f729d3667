// SPDX-License-Identifier: MIT
//
// Catch2 v3: the adapter compiles against its declarations.
#include <catch2/catch_all.hpp>
#include <threadleak/catch2.h>

THREADLEAK_CATCH2();

// Instantiates what the registration does.
Catch::EventListenerBase *make(Catch::ListenerRegistrar<threadleak_catch2_listener> &listener)
{
    return listener.create(nullptr);
}
