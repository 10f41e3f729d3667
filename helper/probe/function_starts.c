/* SPDX-License-Identifier: MIT */
#include "function_starts.h"

#include <string.h>

#define COUNT_MAX (1u << 20)
#define ENTRY 8 /* distances of the function's beginning and of its unwind rules from the header */

static int32_t number_at(const uint8_t *place)
{
    int32_t number;
    memcpy(&number, place, sizeof number);
    return number;
}

struct function_starts function_starts_of(const struct elf_file *file)
{
    /* version; encodings of the address of .eh_frame, of the count and of the entries that linkers write:
     * pcrel sdata4, udata4, datarel sdata4 */
    static const uint8_t expected[4] = {1, 0x1b, 0x03, 0x3b};
    struct function_starts starts = {.count = 0};
    Elf64_Phdr segment;
    unsigned i = 0;
    do
        if (!elf_program_header(file->bytes, file->size, i++, &segment))
            return starts;
    while (segment.p_type != PT_GNU_EH_FRAME);
    const uint8_t *header = elf_at(file, segment.p_vaddr, 12);
    if (!header || memcmp(header, expected, sizeof expected))
        return starts;
    uint32_t count = (uint32_t)number_at(header + 8);
    starts.base = segment.p_vaddr;
    starts.table = count > COUNT_MAX ? NULL : elf_at(file, segment.p_vaddr + 12, (size_t)count * ENTRY);
    starts.count = starts.table ? count : 0;
    return starts;
}

uint64_t function_start(const struct function_starts *starts, uint32_t index)
{
    return starts->base + (uint64_t)(int64_t)number_at(starts->table + (size_t)index * ENTRY);
}

uint64_t function_start_before(const struct function_starts *starts, uint64_t address)
{
    uint32_t low = 0, high = starts->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (function_start(starts, middle) <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? function_start(starts, low - 1) : 0;
}
