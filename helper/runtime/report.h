/* SPDX-License-Identifier: MIT
 *
 * report.h - what the library itself prints: notes, and the plain report, which serves where no engine can
 * run. Raw write system calls alone: no malloc, no stdio, no cancellation point, no change of errno; usable
 * when neither memory nor threads can be had.
 */
#ifndef THREADLEAK_REPORT_H
#define THREADLEAK_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A report under way: text is gathered and written in few pieces to options.log_path or stderr. */
struct report {
    int fd;
    bool opened;
    int saved_errno;
    size_t length;
    char text[400];
};

void report_begin(struct report *report);
void report_text(struct report *report, const char *text);
void report_number(struct report *report, uint64_t number);
void report_address(struct report *report, uint64_t address);
void report_end(struct report *report);

/* One line: "threadleak: TEXT". */
void report_note(const char *text);

/* A creation has just failed with EAGAIN: prints the threads grouped by site, largest first. Once, and again
 * when there are twice as many; a second thread that comes meanwhile prints nothing. */
void report_eagain(void);

#endif
