/* SPDX-License-Identifier: MIT
 *
 * dwarf_reader.h - reads the number formats of DWARF from bytes that are not trusted.
 */
#ifndef THREADLEAK_DWARF_READER_H
#define THREADLEAK_DWARF_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Bytes still to be read. Once a read fails, `at` is NULL and whatever is read from then on is 0. */
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static inline const uint8_t *take(struct cursor *cursor, uint64_t size)
{
    const uint8_t *at = cursor->at;
    if (at && (uint64_t)(cursor->end - at) < size)
        at = NULL;
    cursor->at = at ? at + size : NULL;
    return at;
}

static inline uint64_t read_uint(struct cursor *cursor, unsigned size)
{
    uint64_t value = 0;
    const uint8_t *at = take(cursor, size);
    if (at)
        memcpy(&value, at, size); /* both architectures are little-endian */
    return value;
}

static inline int64_t read_sint(struct cursor *cursor, unsigned size)
{
    unsigned unused_bits = 64 - 8 * size;
    return (int64_t)(read_uint(cursor, size) << unused_bits) >> unused_bits;
}

static inline uint64_t read_leb128(struct cursor *cursor, bool is_signed)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = (uint8_t)read_uint(cursor, 1);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    if (is_signed && byte & 0x40 && shift < 64)
        value |= ~(uint64_t)0 << shift;
    return value;
}

static inline uint64_t read_uleb128(struct cursor *cursor)
{
    return read_leb128(cursor, false);
}

static inline int64_t read_sleb128(struct cursor *cursor)
{
    return (int64_t)read_leb128(cursor, true);
}

static inline struct cursor read_block(struct cursor *cursor, uint64_t size)
{
    const uint8_t *at = take(cursor, size);
    return (struct cursor){at, at ? at + size : NULL};
}

/* Pointer encodings (LSB 5.0, 10.5.1): a format in the low four bits, what it is relative to above. */
enum {
    ENCODED_ABSOLUTE = 0x00,
    ENCODED_ULEB128 = 0x01,
    ENCODED_UDATA2 = 0x02,
    ENCODED_UDATA4 = 0x03,
    ENCODED_UDATA8 = 0x04,
    ENCODED_SLEB128 = 0x09,
    ENCODED_SDATA2 = 0x0a,
    ENCODED_SDATA4 = 0x0b,
    ENCODED_SDATA8 = 0x0c,
    ENCODED_PCREL = 0x10,
    ENCODED_DATAREL = 0x30,
    ENCODED_INDIRECT = 0x80,
    ENCODED_OMIT = 0xff
};

/* `data_base` is what DW_EH_PE_datarel is relative to: 0 where that must not be used. */
static inline uintptr_t read_pointer(struct cursor *cursor, uint8_t encoding, uintptr_t data_base)
{
    uintptr_t base = 0;
    if ((encoding & 0x70) == ENCODED_PCREL)
        base = (uintptr_t)cursor->at;
    else if ((encoding & 0x70) == ENCODED_DATAREL && data_base)
        base = data_base;
    else if (encoding & 0x70)
        cursor->at = NULL;
    if (encoding & ENCODED_INDIRECT)
        cursor->at = NULL;
    switch (encoding & 0x0f) {
    case ENCODED_ABSOLUTE:
    case ENCODED_UDATA8:
    case ENCODED_SDATA8:
        return base + read_uint(cursor, 8);
    case ENCODED_UDATA2:
        return base + read_uint(cursor, 2);
    case ENCODED_UDATA4:
        return base + read_uint(cursor, 4);
    case ENCODED_SDATA2:
        return base + (uintptr_t)read_sint(cursor, 2);
    case ENCODED_SDATA4:
        return base + (uintptr_t)read_sint(cursor, 4);
    case ENCODED_ULEB128:
        return base + read_uleb128(cursor);
    case ENCODED_SLEB128:
        return base + (uintptr_t)read_sleb128(cursor);
    }
    cursor->at = NULL;
    return 0;
}

#endif
