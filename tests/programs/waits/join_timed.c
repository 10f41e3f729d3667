/* SPDX-License-Identifier: MIT
 *
 * A join of a thread that goes on, until a time that is far away.
 * expect: kind=join confidence=exact object=- owner=joined timed=yes
 */
#include "waits.h"

#include <time.h>

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
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 1000000;
    pthread_timedjoin_np(thread, NULL, &end);
}
