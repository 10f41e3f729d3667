/* SPDX-License-Identifier: MIT
 *
 * A shared library whose constructor leaves a thread unjoined, whether or not the constructor of
 * libthreadleak.so has run by then. To be reported: early, unjoined, like any other.
 */
#include <pthread.h>
#include <stdlib.h>

static void *be_early(void *arg)
{
    pthread_setname_np(pthread_self(), "early");
    return arg;
}

__attribute__((constructor)) static void start_early(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, be_early, NULL))
        abort();
}
