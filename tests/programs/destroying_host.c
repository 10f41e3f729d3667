/* SPDX-License-Identifier: MIT
 *
 * Its thread ends and is joined when the library destroying is destroyed. In the program's own code, since
 * those calls alone are seen where the archive is linked in.
 */
#include <pthread.h>
#include <semaphore.h>

void destroying_call(void (*function)(void));

static pthread_t worker;
static sem_t end;

static void *work(void *arg)
{
    while (sem_wait(&end))
        ;
    return arg;
}

static void join(void)
{
    sem_post(&end);
    pthread_join(worker, NULL);
}

int main(void)
{
    if (pthread_create(&worker, NULL, work, NULL))
        return 70;
    destroying_call(join);
    return 0;
}
