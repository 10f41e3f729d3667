/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <stdint.h>
#include <stdlib.h>

#define BLOCK ((size_t)64 << 10)
#define ALIGN _Alignof(max_align_t)

struct arena_block {
    struct arena_block *last;
    size_t used, room;
    max_align_t bytes[];
};

void *arena_take(struct arena *arena, size_t size)
{
    struct arena_block *block = arena->block;
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (!block || block->room - block->used < size) {
        size_t room = size > BLOCK ? size : BLOCK;
        block = malloc(sizeof *block + room);
        if (!block)
            return NULL;
        block->last = arena->block;
        block->used = 0;
        block->room = room;
        arena->block = block;
    }
    void *taken = (char *)block->bytes + block->used;
    block->used += size;
    return taken;
}

void arena_free(struct arena *arena)
{
    while (arena->block) {
        struct arena_block *last = arena->block->last;
        free(arena->block);
        arena->block = last;
    }
}
