/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "system_call.h"

/* Whether the file takes something. Nobody is waited for twice. */
static bool takes(int fd)
{
    static uint32_t nobody_reads;
    struct pollfd event = {.fd = fd, .events = POLLOUT};
    bool is_known = __atomic_load_n(&nobody_reads, __ATOMIC_RELAXED);
    struct timespec left = {.tv_sec = is_known ? 0 : OUTPUT_PATIENCE_S};
    long ready;
    do /* the kernel says in `left` what is left (ppoll(2), C library/kernel differences) */
        ready = system_call(SYS_ppoll, &event, 1, &left, NULL, 0);
    while (ready == -EINTR);
    if (ready == 0)
        __atomic_store_n(&nobody_reads, 1, __ATOMIC_RELAXED);
    return ready != 0;
}

/* Where nobody reads, the write fails; it must not end the program, which may not write there itself. The
 * signal is sent to the thread that writes (signal(7), SIGPIPE), and is taken back here unless it was pending
 * before. */
static long write_without_signal(int fd, const char *text, size_t size)
{
    const uint64_t pipe_signal = (uint64_t)1 << (SIGPIPE - 1);
    const struct timespec now = {0, 0};
    uint64_t mask, pending = 0;
    system_call(SYS_rt_sigpending, &pending, sizeof pending);
    system_call(SYS_rt_sigprocmask, SIG_BLOCK, &pipe_signal, &mask, sizeof mask);
    long written = system_call(SYS_write, fd, text, size);
    if (written == -EPIPE && !(pending & pipe_signal))
        system_call(SYS_rt_sigtimedwait, &pipe_signal, NULL, &now, sizeof pipe_signal);
    system_call(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
    return written;
}

void output_write(int fd, const char *text, size_t size)
{
    for (size_t done = 0; done < size && takes(fd);) {
        long n = write_without_signal(fd, text + done, size - done);
        if (n <= 0 && n != -EINTR && n != -EAGAIN)
            break; /* nobody to tell */
        done += n > 0 ? (size_t)n : 0;
    }
}

static const char *reason(long error)
{
    switch (error) {
    case -ENXIO:
        return "nobody is at its other end, start the reader of a pipe first";
    case -ENOENT:
        return "its folder is not there, make it first";
    case -EACCES:
    case -EPERM:
    case -EROFS:
        return "it may not be written, name another file";
    case -EISDIR:
        return "it is a folder, name a file";
    default:
        return "name another file";
    }
}

/* In pieces: some threads have small stacks. */
static void complain(const char *path, long error)
{
    const char *const parts[] = {"threadleak: log_path=", path,
                                 " cannot be opened, and what is for it comes here: ", reason(error), "\n"};
    static uint32_t said;
    if (__atomic_exchange_n(&said, 1, __ATOMIC_RELAXED))
        return;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        output_write(STDERR_FILENO, parts[i], strlen(parts[i]));
}

int output_open(const char *path)
{
    /* O_NONBLOCK: a pipe without a reader fails, and so does a line without a carrier. What is written to may
     * block then as any other file: the engine's programs expect that, and we ask before. */
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY;
    long fd = system_call(SYS_openat, AT_FDCWD, path, flags | O_NONBLOCK, 0666);
    if (fd < 0)
        complain(path, fd);
    else
        system_call(SYS_fcntl, fd, F_SETFL, O_APPEND);
    return fd < 0 ? -1 : (int)fd;
}
