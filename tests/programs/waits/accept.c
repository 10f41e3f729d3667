/* SPDX-License-Identifier: MIT
 *
 * A listening socket.
 * expect: kind=file_descriptors confidence=exact call=accept fds=50
 */
#include "waits.h"

#include <sys/socket.h>

static void prepare(void)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    must(listen(listener, 1) == 0 && dup2(listener, 50) == 50);
}

static void subject(void)
{
    accept(50, NULL, NULL);
}
