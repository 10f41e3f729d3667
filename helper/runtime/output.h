/* SPDX-License-Identifier: MIT
 *
 * output.h - where notes and reports go. The program that is watched never waits for who reads them: neither
 * for a reader to come, nor, for longer than OUTPUT_PATIENCE_S in all, for one to take what is written.
 * System calls alone (system_call.h).
 */
#ifndef THREADLEAK_OUTPUT_H
#define THREADLEAK_OUTPUT_H

#include <stddef.h>

#ifndef OUTPUT_PATIENCE_S
#define OUTPUT_PATIENCE_S 10
#endif

/* The file that the option `log_path` says, to append to; -1: it cannot be opened, which standard error is
 * told once in a process, and why. */
int output_open(const char *path);

/* What nobody takes in that time is lost. */
void output_write(int fd, const char *text, size_t size);

#endif
