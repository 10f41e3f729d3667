/* SPDX-License-Identifier: MIT
 *
 * An epoll instance that watches nothing.
 * expect: kind=file_descriptors confidence=exact call=epoll_wait fds=50
 */
#include "waits.h"

#include <sys/epoll.h>

static void prepare(void)
{
    int epoll = epoll_create1(0);
    must(epoll >= 0 && dup2(epoll, 50) == 50);
}

static void subject(void)
{
    struct epoll_event event;
    epoll_wait(50, &event, 1, -1);
}
