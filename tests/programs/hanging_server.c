/* SPDX-License-Identifier: MIT
 *
 * The server of README's core file, which never loaded the library: three requests that nobody joined, and
 * two threads that lock two mutexes in opposite order, one of which main joins. To be reported of its core:
 *
 *   unjoined   3, request
 *   stuck      reader and flusher, a deadlock; main hangs on it
 */
#include <pthread.h>

#include "scenario.h"

static struct {
    int entries;
    pthread_mutex_t lock;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};
static pthread_mutex_t journal = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both_hold;

static void *request(void *arg)
{
    return arg;
}

static void *reader(void *arg)
{
    pthread_mutex_lock(&cache.lock);
    pthread_barrier_wait(&both_hold);
    pthread_mutex_lock(&journal); /* never comes */
    return arg;
}

static void *flusher(void *arg)
{
    pthread_mutex_lock(&journal);
    pthread_barrier_wait(&both_hold);
    pthread_mutex_lock(&cache.lock); /* never comes */
    return arg;
}

static pthread_t create(void *(*start)(void *))
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, start, NULL) == 0);
    return thread;
}

int main(void)
{
    pthread_barrier_init(&both_hold, NULL, 2);
    pthread_t reads = create(reader);
    create(flusher);
    for (int i = 0; i < 3; i++)
        create(request);
    await_tasks(3);
    say_ready();
    pthread_join(reads, NULL);
}
