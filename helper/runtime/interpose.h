/* SPDX-License-Identifier: MIT
 *
 * interpose.h - the functions of libc that the library stands before.
 *
 * In the shared library they carry libc's names and find the real ones with dlsym(RTLD_NEXT), at the first
 * call: constructors of other libraries create threads before ours runs. In the archive they are __wrap_NAME
 * and call __real_NAME, for the linker's option --wrap=NAME (docs/embedding.md has the link line).
 */
#ifndef THREADLEAK_INTERPOSE_H
#define THREADLEAK_INTERPOSE_H

#include <stdbool.h>

/* Whether calls of the program get here: not where the library was loaded late, by dlopen. */
bool interpose_is_active(void);

#endif
