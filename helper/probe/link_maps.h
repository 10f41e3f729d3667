/* SPDX-License-Identifier: MIT
 *
 * link_maps.h - the dynamic linker's list of loaded modules, which debuggers follow: DT_DEBUG of the program
 * -> struct r_debug -> struct link_map (<link.h>). Its nodes lie on the heap, or where the linker allocates
 * before there is one.
 */
#ifndef THREADLEAK_LINK_MAPS_H
#define THREADLEAK_LINK_MAPS_H

#include "pieces.h"
#include "source.h"

/* Adds the memory of the list, of its names, and of the program's headers that lead to it. `headers`:
 * AT_PHDR; `count`: AT_PHNUM. Adds less where the list is broken off. */
void link_maps_add(struct source *source, uint64_t headers, uint64_t count, struct pieces *pieces);

#endif
