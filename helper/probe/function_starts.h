/* SPDX-License-Identifier: MIT
 *
 * function_starts.h - where the functions of an ELF file begin, by .eh_frame_hdr: its table for a binary
 * search of unwind rules, which strip leaves (Linux Standard Base, 10.6.2). Parts of functions that the
 * compiler put elsewhere count as functions.
 */
#ifndef THREADLEAK_FUNCTION_STARTS_H
#define THREADLEAK_FUNCTION_STARTS_H

#include "elf_file.h"

struct function_starts {
    const uint8_t *table; /* belongs to the file */
    uint64_t base;
    uint32_t count;
};

/* count is 0 where there is no such table. */
struct function_starts function_starts_of(const struct elf_file *file);

/* Virtual address in the file. Those of a table that is not sorted are in no order. */
uint64_t function_start(const struct function_starts *starts, uint32_t index);

/* Where the last function begins that begins at or before `address`; 0: none does. */
uint64_t function_start_before(const struct function_starts *starts, uint64_t address);

#endif
