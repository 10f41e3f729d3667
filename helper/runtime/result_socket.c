/* SPDX-License-Identifier: MIT */
#include "result_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "options.h"
#include "registry.h"

#define WAIT_S 5 /* for room in the queue */

struct message {
    size_t length;
    char text[2048];
};

/* System calls by number, as in log.c: no cancellation points. */
static void send_message(const struct message *message)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval wait = {.tv_sec = WAIT_S};
    size_t length = strlen(options.result_socket);
    if (length >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path + 1, options.result_socket, length); /* abstract: it begins with a zero byte */
    length += offsetof(struct sockaddr_un, sun_path) + 1;
    long fd = syscall(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    while (syscall(SYS_sendto, fd, message->text, message->length, MSG_NOSIGNAL, &address, length) < 0 &&
           errno == EINTR)
        ;
    syscall(SYS_close, fd);
}

static void add(struct message *message, const char *text)
{
    while (*text && message->length < sizeof message->text - 1)
        message->text[message->length++] = *text++;
}

/* A word, or as much of it as there is room for. */
static void word(struct message *message, const char *name, const char *value)
{
    add(message, name);
    add(message, value);
    message->text[message->length] = '\0';
    message->length += message->length < sizeof message->text - 1;
}

static void number(struct message *message, const char *name, int64_t value)
{
    char digits[24], *at = digits + sizeof digits - 1;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    *at = '\0';
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        *--at = '-';
    word(message, name, at);
}

static void begin(struct message *message, const char *what)
{
    static const char program[] = "program=";
    message->length = 0;
    word(message, what, "");
    char *path = message->text + message->length;
    memcpy(path, program, sizeof program - 1);
    path += sizeof program - 1;
    long length = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", path, 1024);
    path += length > 0 ? length : 0;
    *path++ = '\0';
    message->length = (size_t)(path - message->text);
}

/* The last word, since it holds zero bytes. */
static void command_line(struct message *message)
{
    add(message, "command=");
    long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    long length =
        syscall(SYS_read, fd, message->text + message->length, sizeof message->text - message->length);
    message->length += length > 0 ? (size_t)length : 0;
    syscall(SYS_close, fd);
}

void result_begun(void)
{
    if (!options.result_socket[0])
        return;
    int saved = errno;
    struct message message;
    char name[16] = "";
    begin(&message, "begun");
    syscall(SYS_prctl, PR_GET_NAME, name, 0, 0, 0);
    word(&message, "name=", name);
    send_message(&message);
    errno = saved;
}

static uint32_t told_of_creation; /* pid */

bool result_is_awaited(void)
{
    return __atomic_load_n(&told_of_creation, __ATOMIC_RELAXED) == threadleak_registry.pid;
}

void result_creates(void)
{
    static struct message message;
    uint32_t pid = threadleak_registry.pid;
    if (!options.result_socket[0] || result_is_awaited() ||
        __atomic_exchange_n(&told_of_creation, pid, __ATOMIC_RELAXED) == pid)
        return;
    int saved = errno;
    begin(&message, "creates");
    command_line(&message);
    send_message(&message);
    errno = saved;
}

/* A copy of another process's registry, made by vfork, _Fork or clone, says nothing about this one. */
static bool is_heard(void)
{
    return options.result_socket[0] && threadleak_registry.pid == (uint32_t)getpid();
}

void result_unchecked(const char *why, const char *headline)
{
    if (!is_heard())
        return;
    int saved = errno;
    struct message message;
    begin(&message, "unchecked");
    add(&message, "reason=");
    add(&message, why);
    word(&message, "", headline);
    send_message(&message);
    errno = saved;
}

void result_checked(int status, int leaked, const char *reason)
{
    if (!is_heard())
        return;
    int saved = errno;
    struct message message;
    begin(&message, "checked");
    number(&message, "ppid=", getppid());
    number(&message, "status=", status);
    number(&message, "leaked=", leaked);
    word(&message, "reason=", reason ? reason : "");
    send_message(&message);
    errno = saved;
}
