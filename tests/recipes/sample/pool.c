/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <pthread.h>
#include <semaphore.h>

static pthread_t workers[POOL_WORKERS];
static sem_t stop;

static void *work(void *unused)
{
    sem_wait(&stop);
    return unused;
}

void pool_start(void)
{
    sem_init(&stop, 0, 0);
    for (int i = 0; i < POOL_WORKERS; i++)
        pthread_create(&workers[i], NULL, work, NULL);
}

void pool_stop(void)
{
    for (int i = 0; i < POOL_WORKERS; i++)
        sem_post(&stop);
    /* the first one is forgotten */
    for (int i = 1; i < POOL_WORKERS; i++)
        pthread_join(workers[i], NULL);
}
