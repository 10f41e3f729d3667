/* SPDX-License-Identifier: MIT
 *
 * Threads that hang on a deadlock: one on a mutex, one on a join of that.
 * stuck: first second hanging joining
 */
#include "opposite_order.h"

static pthread_t joined;

static void *hanging(void *name)
{
    name_me(name);
    everybody_holds();
    lock(&a);
    return NULL;
}

static void *joining(void *name)
{
    name_me(name);
    everybody_holds();
    must(pthread_join(joined, NULL) == 0);
    return NULL;
}

int main(void)
{
    must(pthread_barrier_init(&all_hold, NULL, 4) == 0);
    start("first", first);
    start("second", second);
    joined = start("hanging", hanging);
    start("joining", joining);
    be_looked_at(5);
}
