/* SPDX-License-Identifier: MIT
 *
 * A join of a thread that goes on.
 * expect: kind=join confidence=exact object=- owner=joined
 */
#include "waits.h"

static void *stay(void *argument)
{
    name_me("joined");
    pause();
    return argument;
}

static pthread_t thread;

static void prepare(void)
{
    must(pthread_create(&thread, NULL, stay, NULL) == 0);
    others = 1;
}

static void subject(void)
{
    pthread_join(thread, NULL);
}
