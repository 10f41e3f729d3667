/* SPDX-License-Identifier: MIT
 *
 * log.h - how the library itself prints. Raw write system calls alone: no malloc, no stdio, no cancellation
 * point, no change of errno; usable when neither memory nor threads can be had.
 */
#ifndef THREADLEAK_LOG_H
#define THREADLEAK_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "start_folder.h"
#include "text.h"

/* A text under way: gathered, and written in few pieces to options.log_path or stderr; to stderr
 * alone where reports are documents. */
struct log {
    int fd;
    bool opened;
    int saved_errno;
    size_t length;
    char text[400];
};

void log_begin(struct log *log);
void log_begin_on_stderr(struct log *log); /* whatever the options say */
void log_text(struct log *log, const char *text);
void log_number(struct log *log, uint64_t number);
void log_address(struct log *log, uint64_t address);
void log_end(struct log *log);

#define LOG_PATH_SIZE (START_FOLDER_SIZE + OPTIONS_TEXT + 16)

/* Adds the path that an option says, with the process id in place of %p, as it was meant at the start. */
void log_add_path(struct text *path, const char *option);

/* One line: "threadleak: TEXT". */
void log_note(const char *text);

#endif
