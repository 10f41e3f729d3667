/* SPDX-License-Identifier: MIT
 *
 * What the programs of this folder share: each makes a library start its background threads, and has a thread
 * of its own, named `own`, which no built-in rule may take.
 */
#ifndef BACKGROUND_H
#define BACKGROUND_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void must(int holds)
{
    if (!holds)
        abort();
}

__attribute__((noreturn)) static inline void stay_as(const char *name)
{
    pthread_setname_np(pthread_self(), name);
    for (;;)
        pause();
}

static void *own(void *arg)
{
    (void)arg;
    stay_as("own");
}

/* What a thread of the library's is given to do. */
static inline void be_busy(void)
{
    stay_as("busy");
}

static inline void start_own(void)
{
    pthread_t thread;
    must(!pthread_create(&thread, NULL, own, NULL));
}

static inline void ready(void)
{
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}

#endif
