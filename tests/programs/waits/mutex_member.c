/* SPDX-License-Identifier: MIT
 *
 * A mutex inside of a variable: GDB names the member, where there is debug information.
 * expect: kind=mutex confidence=high object=cache+0x40|cache.lock owner=owner flavour=normal
 */
#include "waits.h"

static struct {
    char entries[64];
    pthread_mutex_t lock;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void prepare(void)
{
    must(pthread_mutex_lock(&cache.lock) == 0);
}

static void subject(void)
{
    pthread_mutex_lock(&cache.lock);
}
