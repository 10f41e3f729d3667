/* SPDX-License-Identifier: MIT
 *
 * stack_set.h - distinct stacks, each kept once. Their frames stay where they are; the list of them moves.
 */
#ifndef THREADLEAK_STACK_SET_H
#define THREADLEAK_STACK_SET_H

#include "arena.h"
#include "threadleak_probe.h"

struct stack_set {
    struct threadleak_probe_stack *list;
    uint32_t count, room;
    uint32_t *buckets; /* number + 1 of a stack, 0: free; bucket_count, a power of two, of them */
    uint32_t bucket_count;
    struct arena frames;
};

/* Its number, from 1 on; 0: out of memory. `frames` may be reused afterwards. */
uint32_t stack_set_add(struct stack_set *set, const uint64_t *frames, uint32_t count, uint32_t end);
void stack_set_free(struct stack_set *set);

#endif
