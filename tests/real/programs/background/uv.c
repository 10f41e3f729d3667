/* SPDX-License-Identifier: MIT
 *
 * libuv's pool, which has four threads, and `own`, made by uv_thread_create.
 */
#include <uv.h>

#include "background.h"

static void nothing(uv_work_t *work)
{
    (void)work;
}

static void done(uv_work_t *work, int status)
{
    (void)work, (void)status;
}

static void run_own(void *arg)
{
    own(arg);
}

int main(void)
{
    static uv_work_t work;
    uv_thread_t thread;
    must(!uv_queue_work(uv_default_loop(), &work, nothing, done));
    must(!uv_run(uv_default_loop(), UV_RUN_DEFAULT));
    must(!uv_thread_create(&thread, run_own, NULL));
    ready();
}
