/* SPDX-License-Identifier: MIT
 *
 * place.h - places in code, as the library itself can print them: "0x55d0c0de1234 (/path/of/file+0x1234)".
 * The number behind the file is what addr2line -e and gdb take.
 */
#ifndef THREADLEAK_PLACE_H
#define THREADLEAK_PLACE_H

#include <stdint.h>

#include "log.h"

/* A return address, or any other one. */
void place_print(struct log *log, uintptr_t pc);

/* Where the program calls us: `pc`, or, where that is std::thread::join or the like in C++'s library, the
 * place in front of that. `sp`: the stack pointer there. Of a library that is linked statically nothing tells
 * that it is one. */
uintptr_t place_of(uintptr_t pc, uintptr_t sp);

/* The innermost frame of the site that does not lie in C++'s library. */
void place_print_site(struct log *log, uint32_t site);

#endif
