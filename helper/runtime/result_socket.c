/* SPDX-License-Identifier: MIT */
#include "result_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
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
static bool send_to(const struct sockaddr_un *address, size_t length, const struct message *message)
{
    const struct timeval wait = {.tv_sec = WAIT_S};
    long fd = syscall(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), sent;
    if (fd < 0)
        return false;
    syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    do
        sent = syscall(SYS_sendto, fd, message->text, message->length, MSG_NOSIGNAL, address, length);
    while (sent < 0 && errno == EINTR);
    int error = errno;
    syscall(SYS_close, fd);
    errno = error;
    return sent >= 0;
}

/* The name ends in the number of the network namespace that the listener is in. */
static bool is_in_the_listeners_network(const char *name)
{
    struct stat status;
    const char *digits = strrchr(name, '-');
    uint64_t number = 0;
    for (digits = digits ? digits + 1 : ""; *digits >= '0' && *digits <= '9'; digits++)
        number = number * 10 + (uint64_t)(*digits - '0');
    return syscall(SYS_newfstatat, AT_FDCWD, "/proc/self/ns/net", &status, 0) == 0 && status.st_ino == number;
}

/* Abstract names are of one network namespace, files of a folder that another root, or mount namespace, may
 * not have. False: somebody may wait for it in vain. */
static bool send_message(const struct message *message)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *slash = strrchr(options.result_socket, '/');
    const char *name = slash ? slash + 1 : options.result_socket;
    const size_t start = offsetof(struct sockaddr_un, sun_path);
    size_t length = strlen(options.result_socket);
    if (length >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path + 1, name, strlen(name)); /* abstract: it begins with a zero byte */
    if (send_to(&address, start + 1 + strlen(name), message))
        return true;
    bool is_over = errno == ECONNREFUSED && is_in_the_listeners_network(name);
    memcpy(address.sun_path, options.result_socket, length + 1);
    return is_over || (slash && send_to(&address, start + length + 1, message));
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
static uint32_t unheard;          /* pid of whom nobody heard that it creates */

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
    if (!send_message(&message))
        __atomic_store_n(&unheard, pid, __ATOMIC_RELAXED);
    errno = saved;
}

/* A copy of another process's registry, made by vfork, _Fork or clone, says nothing about this one. */
static bool is_heard(void)
{
    return options.result_socket[0] && threadleak_registry.pid == (uint32_t)getpid();
}

/* What was told of its creations is told again by whatever is told of its end. */
static bool send_last(const struct message *message)
{
    return send_message(message) || __atomic_load_n(&unheard, __ATOMIC_RELAXED) != threadleak_registry.pid;
}

bool result_unchecked(const char *why, const char *headline)
{
    if (!is_heard())
        return true;
    int saved = errno;
    struct message message;
    begin(&message, "unchecked");
    add(&message, "reason=");
    add(&message, why);
    word(&message, "", headline);
    bool is_known = send_last(&message);
    errno = saved;
    return is_known;
}

bool result_checked(int status, int leaked, const char *reason)
{
    if (!is_heard())
        return true;
    int saved = errno;
    struct message message;
    begin(&message, "checked");
    number(&message, "ppid=", getppid());
    number(&message, "status=", status);
    number(&message, "leaked=", leaked);
    word(&message, "reason=", reason ? reason : "");
    bool is_known = send_last(&message);
    errno = saved;
    return is_known;
}
