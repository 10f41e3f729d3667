/* SPDX-License-Identifier: MIT
 *
 * libuv's pool, which has four threads, and work for it that never ends. uv_busy ends: main returns once the
 * work has begun.
 */
#include <semaphore.h>
#include <uv.h>

#include "background.h"

static sem_t begun;

static void work_on(uv_work_t *work)
{
    (void)work;
    sem_post(&begun);
    be_busy();
}

static void done(uv_work_t *work, int status)
{
    (void)work, (void)status;
}

int main(int argc, char **argv)
{
    static uv_work_t work;
    (void)argv;
    start_own();
    must(!uv_queue_work(uv_default_loop(), &work, work_on, done));
    while (sem_wait(&begun))
        ;
    if (argc > 1)
        return 0;
    ready();
}
