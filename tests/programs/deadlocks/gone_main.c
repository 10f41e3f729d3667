/* SPDX-License-Identifier: MIT
 *
 * Main has left by pthread_exit with a mutex that it locked. The kernel keeps a zombie of it.
 * stuck: waiter
 */
#include "deadlock.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *waiter(void *name)
{
    name_me(name);
    lock(&mutex);
    return NULL;
}

static void *observer(void *name)
{
    name_me(name);
    be_looked_at(3);
}

int main(void)
{
    lock(&mutex);
    start("waiter", waiter);
    start("observer", observer);
    pthread_exit(NULL);
}
