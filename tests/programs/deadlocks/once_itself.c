/* SPDX-License-Identifier: MIT
 *
 * A routine of pthread_once calls pthread_once for itself.
 * stuck: runner
 */
#include "deadlock.h"

static pthread_once_t control = PTHREAD_ONCE_INIT;

static void initialize(void)
{
    must(pthread_once(&control, initialize) == 0);
}

static void *runner(void *name)
{
    name_me(name);
    must(pthread_once(&control, initialize) == 0);
    return NULL;
}

int main(void)
{
    start("runner", runner);
    be_looked_at(2);
}
