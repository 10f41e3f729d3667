/* SPDX-License-Identifier: MIT
 *
 * A thread for each row of the table in docs/explain.md, named as that row is, whose line must be what
 * `explain` says of it. Thread 2, `holder`, holds the lock of the cache and the table.
 */
#include "scenario.h"

static struct {
    int size;
    pthread_mutex_t lock;
} cache = {0, PTHREAD_MUTEX_INITIALIZER};
static struct {
    pthread_mutex_t lock;
    pthread_cond_t filled;
} queue = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};
static pthread_rwlock_t table = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t left = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t start;
static sem_t slots;
static int ends[2];
static pthread_t held;

static void *holder(void *arg)
{
    must(pthread_mutex_lock(&cache.lock) == 0 && pthread_rwlock_wrlock(&table) == 0);
    block();
    return arg;
}

static void *mutex(void *arg)
{
    pthread_mutex_lock(&cache.lock);
    return arg;
}

static void *condition(void *arg)
{
    pthread_mutex_lock(&queue.lock);
    for (;;)
        pthread_cond_wait(&queue.filled, &queue.lock);
    return arg;
}

static void *rwlock(void *arg)
{
    pthread_rwlock_rdlock(&table);
    return arg;
}

static void *barrier(void *arg)
{
    pthread_barrier_wait(&start);
    return arg;
}

static void *semaphore(void *arg)
{
    sem_wait(&slots);
    return arg;
}

static void *join(void *arg)
{
    pthread_join(held, NULL);
    return arg;
}

static void *pipe_end(void *arg)
{
    char byte;
    return read(ends[0], &byte, 1) < 0 ? NULL : arg;
}

static void *sleeper(void *arg)
{
    sleep(10000);
    return arg;
}

static void *dead(void *arg)
{
    must(pthread_mutex_lock(&left) == 0);
    return arg;
}

static void *orphan(void *arg)
{
    pthread_mutex_lock(&left);
    return arg;
}

static pthread_t create(const char *name, void *(*run)(void *))
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, run, NULL) == 0);
    pthread_setname_np(thread, name); /* one that has ended has none */
    return thread;
}

int main(void)
{
    must(pthread_barrier_init(&start, NULL, 3) == 0 && sem_init(&slots, 0, 0) == 0 && pipe(ends) == 0);
    held = create("holder", holder);
    await_arrivals(1);
    create("mutex", mutex);
    create("condition", condition);
    create("rwlock", rwlock);
    create("barrier", barrier);
    create("semaphore", semaphore);
    create("join", join);
    create("pipe", pipe_end);
    create("sleep", sleeper);
    pthread_t owner = create("dead", dead);
    must(pthread_join(owner, NULL) == 0);
    create("orphan", orphan);
    be_looked_at(11);
}
