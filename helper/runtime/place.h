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

/* The innermost frame of the site. */
void place_print_site(struct log *log, uint32_t site);

#endif
