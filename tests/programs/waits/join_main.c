/* SPDX-License-Identifier: MIT
 *
 * A join of the main thread.
 * expect: kind=join confidence=exact owner=owner
 */
#include "waits.h"

static pthread_t thread;

static void prepare(void)
{
    thread = pthread_self();
}

static void subject(void)
{
    pthread_join(thread, NULL);
}
