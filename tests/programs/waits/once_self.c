/* SPDX-License-Identifier: MIT
 *
 * An init routine calls for itself.
 * expect: kind=once confidence=high object=thing owner=subject
 */
#include "waits.h"

static pthread_once_t thing = PTHREAD_ONCE_INIT;

static void call_again(void)
{
    pthread_once(&thing, call_again);
}

static void prepare(void)
{
}

static void subject(void)
{
    pthread_once(&thing, call_again);
}
