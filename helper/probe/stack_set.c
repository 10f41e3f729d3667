/* SPDX-License-Identifier: MIT */
#include "stack_set.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const uint64_t *frames, uint32_t count, uint32_t end)
{
    uint64_t hash = end;
    for (uint32_t i = 0; i < count; i++) {
        hash = (hash ^ frames[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return hash;
}

/* The bucket of that stack, or the free one where it belongs. */
static uint32_t *bucket_of(const struct stack_set *set, const uint64_t *frames, uint32_t count, uint32_t end)
{
    for (uint64_t at = hash_of(frames, count, end);; at++) {
        uint32_t *bucket = &set->buckets[at & (set->bucket_count - 1)];
        if (!*bucket)
            return bucket;
        const struct threadleak_probe_stack *stack = &set->list[*bucket - 1];
        if (stack->count == count && stack->end == end &&
            !memcmp(stack->frames, frames, count * sizeof *frames))
            return bucket;
    }
}

static bool grow(struct stack_set *set)
{
    uint32_t room = set->room ? set->room * 2 : 64;
    struct threadleak_probe_stack *list = realloc(set->list, room * sizeof *list);
    if (!list)
        return false;
    set->list = list;
    uint32_t *buckets = calloc(room * 2, sizeof *buckets);
    if (!buckets)
        return false;
    free(set->buckets);
    set->buckets = buckets;
    set->bucket_count = room * 2;
    set->room = room;
    for (uint32_t i = 0; i < set->count; i++)
        *bucket_of(set, list[i].frames, list[i].count, list[i].end) = i + 1;
    return true;
}

uint32_t stack_set_add(struct stack_set *set, const uint64_t *frames, uint32_t count, uint32_t end)
{
    if (set->count == set->room && !grow(set))
        return 0;
    uint32_t *bucket = bucket_of(set, frames, count, end);
    if (*bucket != 0)
        return *bucket;
    uint64_t *copy = arena_take(&set->frames, count * sizeof *frames);
    if (!copy)
        return 0;
    memcpy(copy, frames, count * sizeof *frames);
    set->list[set->count++] = (struct threadleak_probe_stack){copy, count, end};
    return *bucket = set->count;
}

void stack_set_free(struct stack_set *set)
{
    arena_free(&set->frames);
    free(set->list);
    free(set->buckets);
    memset(set, 0, sizeof *set);
}
