/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

static pthread_t flusher;
static sem_t wake;

static void *flush(void *unused)
{
    sem_wait(&wake);
    return unused;
}

void log_open(void)
{
    sem_init(&wake, 0, 0);
    if (pthread_create(&flusher, NULL, flush, NULL))
        abort();
}

void log_close(void)
{
    sem_post(&wake);
    pthread_join(flusher, NULL);
}
