/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <errno.h>
#include <unistd.h>

#include "options.h"
#include "output.h"
#include "system_call.h"

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
    int fd = output_open(path);
    log->opened = fd >= 0;
    if (log->opened)
        log->fd = fd;
}

void log_begin_on_stderr(struct log *log)
{
    log->saved_errno = errno;
    log->length = 0;
    log->opened = false;
    log->fd = STDERR_FILENO;
}

void log_begin(struct log *log)
{
    log_begin_on_stderr(log);
    if (options.log_path[0] && !options_want_documents())
        open_file(log);
}

static void flush(struct log *log)
{
    output_write(log->fd, log->text, log->length);
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
        system_call(SYS_close, log->fd);
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
