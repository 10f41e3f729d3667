/* SPDX-License-Identifier: MIT
 *
 * open_files.h - the files that a process has open, as text: a line "FD FLAGS PATH" for each, FLAGS octal
 * (open(2)), a newline in PATH as \012.
 */
#ifndef THREADLEAK_OPEN_FILES_H
#define THREADLEAK_OPEN_FILES_H

#include <stddef.h>

/* `folder`: /proc/PID. The caller frees it; NULL: they cannot be read. */
char *open_files_text(int folder, size_t *size);

#endif
