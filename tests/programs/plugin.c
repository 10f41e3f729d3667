/* SPDX-License-Identifier: MIT
 *
 * A plugin for plugin_host.c, a shared library that makes threads which run its code.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void (*arrived)(void);

static void *stay_in_plugin(void *arg)
{
    pthread_setname_np(pthread_self(), "plugin-alive");
    arrived();
    for (;;)
        pause();
    return arg;
}

static void *finish_in_plugin(void *arg)
{
    pthread_setname_np(pthread_self(), "plugin-unjoined");
    return arg;
}

void start_work(void (*arrive)(void))
{
    pthread_t thread;
    arrived = arrive;
    if (pthread_create(&thread, NULL, stay_in_plugin, NULL) ||
        pthread_create(&thread, NULL, finish_in_plugin, NULL))
        abort();
}
