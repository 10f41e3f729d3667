/* SPDX-License-Identifier: MIT
 *
 * A thread that finishes when somebody opens the FIFO `go`; the FIFO `gone` tells once the kernel no longer
 * has it. Nobody joins it, yet.
 */
#include "scenario.h"

#include <fcntl.h>
#include <sys/stat.h>

static void *finish_at_go(void *arg)
{
    close(open("go", O_RDONLY));
    return arg;
}

int main(void)
{
    pthread_t thread;

    must(mkfifo("go", 0600) == 0 && mkfifo("gone", 0600) == 0);
    must(pthread_create(&thread, NULL, finish_at_go, NULL) == 0);
    say_ready();
    await_tasks(1);
    close(open("gone", O_WRONLY));
    block();
}
