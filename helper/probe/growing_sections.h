/* SPDX-License-Identifier: MIT
 *
 * growing_sections.h - sections of an ELF file that are compressed. libdw unpacks them whatever they become:
 * a file of half a megabyte may be made to take all memory.
 */
#ifndef THREADLEAK_GROWING_SECTIONS_H
#define THREADLEAK_GROWING_SECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Empties those that would become much larger than any compiler's, in `bytes`, which begin with an ELF
 * header: libdw finds nothing in them then. False: libelf should not see the file at all. */
bool growing_sections_empty(uint8_t *bytes, size_t size);

#endif
