/* SPDX-License-Identifier: MIT
 *
 * An init routine of pthread_once that threw, and has to run again: another thread runs it by now, so that
 * what made the first thread its runner is left over on the stack of that, where it waits. It waits in a
 * routine of another control.
 * stuck:
 */
#include "deadlock.h"

#include <atomic>

static pthread_once_t outer = PTHREAD_ONCE_INIT, inner = PTHREAD_ONCE_INIT;
static std::atomic<int> times_begun, times_thrown;

static void initialize_inner()
{
    if (++times_begun == 1)
        throw 1;
    block();
}

static void *runner(void *name)
{
    name_me(static_cast<const char *>(name));
    while (times_thrown == 0)
        ;
    pthread_once(&inner, initialize_inner);
    return nullptr;
}

static void initialize_outer()
{
    /* nothing but the loops below runs in between, and they leave the stack alone */
    for (int i = 0; i < 2; i++) {
        try {
            pthread_once(&inner, initialize_inner);
        } catch (int) {
        }
        times_thrown++;
        while (times_begun < 2)
            ;
    }
}

static void *waiter(void *name)
{
    name_me(static_cast<const char *>(name));
    pthread_once(&outer, initialize_outer);
    return nullptr;
}

int main()
{
    start("runner", runner);
    start("waiter", waiter);
    be_looked_at(3);
}
