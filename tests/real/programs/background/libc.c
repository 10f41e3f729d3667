/* SPDX-License-Identifier: MIT
 *
 * Threads that libc starts by itself, past every wrapper: for timers that notify by a thread, for aio and for
 * getaddrinfo_a. The last two wait a second for more to do, so they are given that until somebody has looked.
 */
#include "background.h"

#include <aio.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <time.h>

static void ignore(union sigval value)
{
    (void)value;
}

int main(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = ignore};
    timer_t timer;
    must(!timer_create(CLOCK_MONOTONIC, &event, &timer));
    puts("ready");
    fflush(stdout);
    for (;;) {
        static char byte;
        static struct gaicb name = {.ar_name = "127.0.0.1"};
        static struct gaicb *names[] = {&name};
        struct aiocb control = {.aio_fildes = open("/dev/zero", O_RDONLY), .aio_buf = &byte, .aio_nbytes = 1};
        const struct aiocb *controls[] = {&control};
        must(!aio_read(&control) && !aio_suspend(controls, 1, NULL) && aio_return(&control) == 1);
        must(!close(control.aio_fildes) && !getaddrinfo_a(GAI_WAIT, names, 1, NULL));
        usleep(300000);
    }
}
