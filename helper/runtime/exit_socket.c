/* SPDX-License-Identifier: MIT */
#include "exit_socket.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "options.h"
#include "registry.h"

#define WAIT_S 30 /* for whoever looks, in case it hangs */

/* System calls by number, as in log.c: no cancellation point may end the thread that exits. */
static long connected(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(options.exit_socket);
    if (length >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path + 1, options.exit_socket, length); /* abstract: it begins with a zero byte */
    length += offsetof(struct sockaddr_un, sun_path) + 1;
    long fd = syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 && syscall(SYS_connect, fd, &address, length)) {
        syscall(SYS_close, fd);
        fd = -1;
    }
    return fd;
}

static uint64_t count_kept(void)
{
    const struct threadleak_registry *registry = &threadleak_registry;
    uint64_t released = __atomic_load_n(&registry->released, __ATOMIC_RELAXED);
    return __atomic_load_n(&registry->next_id, __ATOMIC_RELAXED) - 1 - released + registry->records.dropped;
}

static void tell(void)
{
    long fd = connected();
    if (fd < 0)
        return;
    uint64_t kept = count_kept();
    const struct timeval wait = {.tv_sec = WAIT_S};
    char byte;
    syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    if (syscall(SYS_sendto, fd, &kept, sizeof kept, MSG_NOSIGNAL, NULL, 0) == sizeof kept)
        while (syscall(SYS_recvfrom, fd, &byte, sizeof byte, 0, NULL, NULL) < 0 && errno == EINTR)
            ;
    syscall(SYS_close, fd);
}

void exit_socket_tell(void)
{
    /* A copy of another process's registry, made by vfork, _Fork or clone, says nothing about this one. */
    if (!options.exit_socket[0] || threadleak_registry.pid != (uint32_t)getpid())
        return;
    int saved = errno;
    tell();
    errno = saved;
}
