/* SPDX-License-Identifier: MIT
 *
 * pieces.h - pieces of memory that a snapshot is to hold: a set of address ranges, some with their bytes.
 */
#ifndef THREADLEAK_PIECES_H
#define THREADLEAK_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct piece {
    uint64_t start, end;
    const char *bytes; /* NULL: they are still to be read */
};

struct pieces {
    struct piece *list;
    size_t count, room;
    bool is_short_of_memory;
};

void pieces_add(struct pieces *pieces, uint64_t start, uint64_t end, const void *bytes);

/* Widens those without bytes to whole pages. */
void pieces_round(struct pieces *pieces, uint64_t page);

/* By address, without overlap: where two have bytes the one that begins first holds. */
void pieces_sort(struct pieces *pieces);

/* Of sorted pieces the first that ends behind `address`, or NULL. */
const struct piece *pieces_from(const struct pieces *pieces, uint64_t address);

void pieces_free(struct pieces *pieces);

#endif
