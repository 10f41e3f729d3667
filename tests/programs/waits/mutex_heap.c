/* SPDX-License-Identifier: MIT
 *
 * A mutex in memory that malloc gave: no symbol is there.
 * expect: kind=mutex confidence=high object=- owner=owner flavour=normal
 */
#include "waits.h"

static pthread_mutex_t *thing;

static void prepare(void)
{
    thing = calloc(1, sizeof *thing);
    must(thing && pthread_mutex_init(thing, NULL) == 0 && pthread_mutex_lock(thing) == 0);
}

static void subject(void)
{
    pthread_mutex_lock(thing);
}
