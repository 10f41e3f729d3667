/* SPDX-License-Identifier: MIT
 *
 * A condition variable of <threads.h>.
 * expect: kind=condition_variable confidence=high object=thing mutex=mutex
 */
#include "waits.h"

#include <threads.h>

static mtx_t mutex;
static cnd_t thing;

static void prepare(void)
{
    must(mtx_init(&mutex, mtx_plain) == thrd_success && cnd_init(&thing) == thrd_success);
}

static void subject(void)
{
    mtx_lock(&mutex);
    cnd_wait(&thing, &mutex);
}
