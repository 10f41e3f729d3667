/* SPDX-License-Identifier: MIT
 *
 * cut_files.h - mapped files that somebody cuts short, as a copy over a program does, or a linker. Whoever
 * touches what is gone gets SIGBUS and dies of it, and that may be a GDB with somebody's work in it. Of the
 * files that are guarded here zeros are read instead, and that they were cut is known. Anybody else's SIGBUS
 * goes where it went before; while no file is guarded there is no handler.
 */
#ifndef THREADLEAK_CUT_FILES_H
#define THREADLEAK_CUT_FILES_H

#include <stdbool.h>
#include <stddef.h>

struct guard;

/* Of what mmap gave, private and writable. NULL: there are too many, and this one is not guarded. */
struct guard *guard_file(void *bytes, size_t size);
void guard_end(struct guard *guard);

bool guard_was_cut(const struct guard *guard);

#endif
