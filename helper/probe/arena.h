/* SPDX-License-Identifier: MIT
 *
 * arena.h - memory that is given back all at once. What was taken stays where it is.
 */
#ifndef THREADLEAK_ARENA_H
#define THREADLEAK_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *block;
};

void *arena_take(struct arena *arena, size_t size); /* aligned for any type; NULL: out of memory */
void arena_free(struct arena *arena);

#endif
