// SPDX-License-Identifier: MIT
//
// std::threads that are joined or detached through libstdc++ and by their handles too. The functions are not
// inlined, so that each is the place of one call.
#include <cstring>
#include <pthread.h>
#include <semaphore.h>
#include <system_error>
#include <thread>

#define PLACE __attribute__((noinline, noclone, optimize("no-optimize-sibling-calls")))

static sem_t gate;

// Not destroyed: its destructor would end the program.
static PLACE __attribute__((flatten)) std::thread &creates()
{
    return *new std::thread([] { sem_wait(&gate); });
}

static PLACE void joins_by_handle(pthread_t handle)
{
    pthread_join(handle, nullptr);
}

static PLACE void joins(std::thread &thread)
{
    try {
        thread.join();
    } catch (const std::system_error &) {
    }
}

static PLACE void detaches(std::thread &thread)
{
    try {
        thread.detach();
    } catch (const std::system_error &) {
    }
}

int main(int, char **argv)
{
    sem_init(&gate, 0, 0);
    auto &thread = creates();
    auto handle = thread.native_handle();
    sem_post(&gate);
    joins_by_handle(handle);
    if (std::strcmp(argv[1], "join") == 0)
        joins(thread);
    else
        detaches(thread);
    return 0;
}
