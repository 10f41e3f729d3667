/* SPDX-License-Identifier: MIT
 *
 * A socket that nobody sends to.
 * expect: kind=file_descriptors confidence=exact call=recvfrom fds=50
 */
#include "waits.h"

#include <sys/socket.h>

static int ends[2];

static void prepare(void)
{
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && dup2(ends[0], 50) == 50);
}

static void subject(void)
{
    char byte;
    recv(50, &byte, 1, 0);
}
