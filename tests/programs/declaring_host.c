/* SPDX-License-Identifier: MIT
 *
 * Loads the library argv[1], which declares its thread `pool`, and starts one of its own whose routine has
 * the same name: the library's note must not speak of that.
 */
#include "scenario.h"

#include <dlfcn.h>

static void *pool_main(void *arg)
{
    pthread_setname_np(pthread_self(), "own");
    arrive();
    for (;;)
        pause();
    return arg;
}

int main(int argc, char **argv)
{
    pthread_t own;
    must(argc == 2);
    void *library = dlopen(argv[1], RTLD_NOW);
    must(library);
    void (*start_pool)(void (*)(void)) = (void (*)(void (*)(void)))dlsym(library, "start_pool");
    must(start_pool);
    start_pool(arrive);
    must(!pthread_create(&own, NULL, pool_main, NULL));
    await_arrivals(2);
    be_looked_at(3);
}
