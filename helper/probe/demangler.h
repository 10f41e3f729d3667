/* SPDX-License-Identifier: MIT
 *
 * demangler.h - C++ names from files that nobody vouches for, through __cxa_demangle of libstdc++, if there
 * is one on this machine: it is loaded when the first mangled name comes along. Names refer back (S_, T_),
 * and each reference may stand for all that came before: 280 bytes can mean 4 GB, and a few more take for
 * ever. What may grow like that is demangled in a child process that has little time and memory, and all
 * names together may take but a second more than names take. What cannot be done within that stays mangled.
 */
#ifndef THREADLEAK_DEMANGLER_H
#define THREADLEAK_DEMANGLER_H

#include <stdint.h>
#include <sys/types.h>

/* Bytes of a demangled name; of 124,000 in LLVM, Boost, gRPC and node the longest has half of that. */
#define DEMANGLED_MAX (16 << 10)

/* Of one target; zeros to begin with. */
struct demangler {
    pid_t child; /* 0: none. It ends when nobody has asked it anything for a second. */
    int socket;
    uint64_t spent_us; /* what names have taken beyond what each may */
};

/* The caller frees it. NULL: it is no such name, or cannot be demangled within bounds. */
char *demangler_text(struct demangler *demangler, const char *name);

/* Ends the child, if there is one. */
void demangler_end(struct demangler *demangler);

#endif
