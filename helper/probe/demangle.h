/* SPDX-License-Identifier: MIT
 *
 * demangle.h - names of C++ and Rust as people write them.
 */
#ifndef THREADLEAK_DEMANGLE_H
#define THREADLEAK_DEMANGLE_H

#include "demangler.h"

/* With parameters, without the return type that templates have: "run<int>(int)", as GDB writes functions that
 * it has debug information of. The caller frees it. NULL: the name is not mangled, or cannot be demangled
 * within bounds. */
char *demangle(struct demangler *demangler, const char *name);

/* Of a demangled name, which is changed; what is no function stays as it is. */
char *drop_return_type(char *name);

/* What Rust's first scheme made: _ZN, lengths and parts of the path, a hash, E. The hash is dropped. NULL: it
 * is none. The caller frees it. */
char *demangle_rust(const char *name);

#endif
