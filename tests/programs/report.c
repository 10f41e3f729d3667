/* SPDX-License-Identifier: MIT
 *
 * Something of everything that a report shows: pools of workers made through different functions, connections
 * that nobody joined, two threads that wait for each other's mutex, a third that hangs on them and one that
 * joins that, and scopes that ended. Then it prints "ready".
 *
 * usage: report [NAME [exit]]   NAME: of one more worker; exit: it ends, else it waits for a signal
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

#include "threadleak.h"

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER, index_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both;
static sem_t begun, jobs;
static pthread_t hanging;

static void *worker_main(void *arg)
{
    sem_post(&begun);
    sem_wait(&jobs);
    return arg;
}

static void *handle_connection(void *arg)
{
    pthread_setname_np(pthread_self(), "connection"); /* before it ends */
    sem_post(&begun);
    return arg;
}

static void *refresh_cache(void *arg)
{
    pthread_mutex_lock(&cache_lock);
    pthread_barrier_wait(&both);
    sem_post(&begun);
    pthread_mutex_lock(&index_lock); /* never comes */
    return arg;
}

static void *rebuild_index(void *arg)
{
    pthread_mutex_lock(&index_lock);
    pthread_barrier_wait(&both);
    sem_post(&begun);
    pthread_mutex_lock(&cache_lock); /* never comes */
    return arg;
}

static void *read_cache(void *arg)
{
    sem_post(&begun);
    pthread_mutex_lock(&cache_lock);
    return arg;
}

static void *wait_for_reader(void *arg)
{
    sem_post(&begun);
    pthread_join(hanging, NULL);
    return arg;
}

static pthread_t make(const char *name, void *(*start)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, start, NULL))
        _exit(1);
    if (name)
        pthread_setname_np(thread, name);
    sem_wait(&begun);
    return thread;
}

__attribute__((noinline)) static void start_pool(const char *name, int size)
{
    for (int i = 0; i < size; i++)
        make(name, worker_main);
}

__attribute__((noinline)) static void start_services(void)
{
    start_pool("render", 12);
    start_pool("decode", 6);
}

__attribute__((noinline)) static void serve_requests(int count)
{
    threadleak_scope_t scope = threadleak_scope_begin("Server.HandlesManyRequests");
    for (int i = 0; i < count; i++)
        make(NULL, handle_connection); /* and no pthread_join */
    start_pool("upload", 4);
    threadleak_scope_close(scope);
}

__attribute__((noinline)) static void refresh(void)
{
    threadleak_scope_t scope = threadleak_scope_begin("Cache.RefreshesWhileIndexing");
    pthread_barrier_init(&both, NULL, 3);
    pthread_t thread;
    if (pthread_create(&thread, NULL, refresh_cache, NULL) == 0)
        pthread_setname_np(thread, "refresher");
    if (pthread_create(&thread, NULL, rebuild_index, NULL) == 0)
        pthread_setname_np(thread, "indexer");
    pthread_barrier_wait(&both);
    sem_wait(&begun);
    sem_wait(&begun);
    hanging = make("reader", read_cache);
    make("closer", wait_for_reader);
    threadleak_scope_close(scope);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        make(argv[1], worker_main);
    start_services();
    serve_requests(9);
    refresh();
    puts("ready");
    fflush(stdout);
    if (argc <= 2)
        pause();
    return 0;
}
