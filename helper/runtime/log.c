/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "options.h"

#define DIGITS 24 /* room for any 64-bit number, decimal or as 0x..., and its zero byte */

void log_add_path(struct text *path, const char *option)
{
    start_folder_add(path, option);
    for (const char *from = option; *from; from++) {
        if (from[0] == '%' && from[1] == 'p') {
            text_add_number(path, (uint64_t)getpid());
            from++;
        } else {
            text_add_bytes(path, from, 1);
        }
    }
}

/* Apart from its caller, whose frame stays small for the threads that print nothing to a file. */
__attribute__((noinline)) static void open_file(struct log *log)
{
    char path[LOG_PATH_SIZE];
    struct text text = text_in(path, sizeof path);
    log_add_path(&text, options.log_path);
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    log->opened = fd >= 0;
    if (fd >= 0)
        log->fd = (int)fd;
}

void log_begin(struct log *log)
{
    log->saved_errno = errno;
    log->length = 0;
    log->opened = options.log_path[0] && !options_want_documents();
    log->fd = STDERR_FILENO;
    if (log->opened)
        open_file(log);
}

/* Where nobody reads, the write fails; it must not end the program, which may not write there itself. The
 * signal is sent to the thread that writes (signal(7), SIGPIPE), and is taken back here unless it was pending
 * before. */
static long write_without_signal(int fd, const char *text, size_t size)
{
    const uint64_t pipe_signal = (uint64_t)1 << (SIGPIPE - 1);
    const struct timespec now = {0, 0};
    uint64_t mask, pending = 0;
    syscall(SYS_rt_sigpending, &pending, sizeof pending);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &pipe_signal, &mask, sizeof mask);
    long written = syscall(SYS_write, fd, text, size);
    int error = errno;
    if (written < 0 && error == EPIPE && !(pending & pipe_signal))
        syscall(SYS_rt_sigtimedwait, &pipe_signal, NULL, &now, sizeof pipe_signal);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
    errno = error;
    return written;
}

static void flush(struct log *log)
{
    for (size_t done = 0; done < log->length;) {
        long n = write_without_signal(log->fd, log->text + done, log->length - done);
        if (n <= 0 && errno != EINTR)
            break; /* nobody to tell */
        done += n > 0 ? (size_t)n : 0;
    }
    log->length = 0;
}

void log_text(struct log *log, const char *text)
{
    for (; *text; text++) {
        if (log->length == sizeof log->text)
            flush(log);
        log->text[log->length++] = *text;
    }
}

void log_number(struct log *log, uint64_t number)
{
    char digits[DIGITS];
    struct text text = text_in(digits, sizeof digits);
    text_add_number(&text, number);
    log_text(log, digits);
}

void log_address(struct log *log, uint64_t address)
{
    char digits[DIGITS];
    struct text text = text_in(digits, sizeof digits);
    text_add_address(&text, address);
    log_text(log, digits);
}

void log_end(struct log *log)
{
    flush(log);
    if (log->opened)
        syscall(SYS_close, log->fd);
    errno = log->saved_errno;
}

void log_note(const char *text)
{
    struct log log;
    log_begin(&log);
    log_text(&log, "threadleak: ");
    log_text(&log, text);
    log_text(&log, "\n");
    log_end(&log);
}
