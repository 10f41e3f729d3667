/* SPDX-License-Identifier: MIT */
#include "pieces.h"

#include <stdlib.h>

void pieces_add(struct pieces *pieces, uint64_t start, uint64_t end, const void *bytes)
{
    if (start >= end)
        return;
    if (pieces->count == pieces->room) {
        size_t room = pieces->room ? pieces->room * 2 : 256;
        struct piece *larger = realloc(pieces->list, room * sizeof *larger);
        if (!larger) {
            pieces->is_short_of_memory = true;
            return;
        }
        pieces->list = larger;
        pieces->room = room;
    }
    pieces->list[pieces->count++] = (struct piece){start, end, bytes};
}

void pieces_round(struct pieces *pieces, uint64_t page)
{
    for (size_t i = 0; i < pieces->count; i++) {
        struct piece *piece = &pieces->list[i];
        if (piece->bytes)
            continue;
        piece->start -= piece->start % page;
        if (piece->end % page && piece->end < UINT64_MAX - page)
            piece->end += page - piece->end % page;
    }
}

static int by_start(const void *left, const void *right)
{
    const struct piece *a = left, *b = right;
    return a->start < b->start ? -1 : a->start > b->start;
}

void pieces_sort(struct pieces *pieces)
{
    size_t kept = 0;
    if (pieces->count)
        qsort(pieces->list, pieces->count, sizeof *pieces->list, by_start);
    for (size_t i = 0; i < pieces->count; i++) {
        struct piece piece = pieces->list[i];
        struct piece *last = kept ? &pieces->list[kept - 1] : NULL;
        if (last && !piece.bytes && !last->bytes && piece.start <= last->end) {
            if (piece.end > last->end)
                last->end = piece.end;
            continue;
        }
        if (last && piece.start < last->end) {
            piece.bytes += piece.bytes ? last->end - piece.start : 0;
            piece.start = last->end;
        }
        if (piece.start < piece.end)
            pieces->list[kept++] = piece;
    }
    pieces->count = kept;
}

const struct piece *pieces_from(const struct pieces *pieces, uint64_t address)
{
    size_t low = 0, high = pieces->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pieces->list[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < pieces->count ? &pieces->list[low] : NULL;
}

void pieces_free(struct pieces *pieces)
{
    free(pieces->list);
    *pieces = (struct pieces){0};
}
