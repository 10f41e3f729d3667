/* SPDX-License-Identifier: MIT
 *
 * A thread locks a mutex twice.
 * stuck: twice
 */
#include "deadlock.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;

static void *twice(void *name)
{
    name_me(name);
    lock(&a);
    lock(&a);
    return NULL;
}

int main(void)
{
    start("twice", twice);
    be_looked_at(2);
}
