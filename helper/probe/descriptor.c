/* SPDX-License-Identifier: MIT */
#include "descriptor.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"

#define PAGE 4096
#define MAIN_MAPPING_MAX                                                                                     \
    (256 << 10) /* of larger ones the end: what is mapped later comes below, and merges */
#define STACK_SEARCH_MAX (32 << 10)
#define MAIN_SEARCH_MAX (4 << 20) /* we read no more than this in search of main's descriptor */

enum { TID_FIRST = 512, TID_LAST = 1024 };

static uint64_t word(const unsigned char *place)
{
    uint64_t value;
    memcpy(&value, place, sizeof value);
    return value;
}

static bool has_tid(const unsigned char *head, const unsigned char *end, uint32_t tid)
{
    for (const unsigned char *place = head + TID_FIRST; place <= head + TID_LAST && place + 4 <= end;
         place += 4)
        if (!memcmp(place, &tid, sizeof tid))
            return true;
    return false;
}

/* How many descriptors of `tid` lie in `memory`, which is at `address`; the last one in `*found`. */
static unsigned search(const unsigned char *memory, size_t size, uint64_t address, uint32_t tid,
                       uint64_t *found)
{
    unsigned count = 0;
    for (size_t i = 0; i + TID_FIRST < size; i += 16) {
        if (word(memory + i) != address + i || word(memory + i + 16) != address + i)
            continue;
        if (has_tid(memory + i, memory + size, tid)) {
            *found = address + i;
            count++;
        }
    }
    return count;
}

/* The top of a stack is that of a page, and the descriptor is smaller than one. */
static bool has_descriptor(struct source *source, uint64_t page, uint32_t own_tid, uint64_t *found)
{
    unsigned char memory[PAGE] __attribute__((aligned(16)));
    return source->operations->read(source, page, memory, PAGE) == PAGE &&
           search(memory, PAGE, page, own_tid, found) == 1;
}

uint64_t descriptor_of_stack(struct source *source, const struct regions *regions, uint64_t sp,
                             uint32_t own_tid)
{
    const struct region *region = procfs_region_at(regions, sp);
    if (source->arch->machine != EM_X86_64 || !region || !procfs_is_anonymous(region))
        return 0;
    /* Stacks without guard pages lie in one mapping: it is the first one above sp then. All pages up to it
     * are in use; none beyond is read, since that would make the kernel give the process a page of memory. */
    uint64_t found = 0, page = sp & -(uint64_t)PAGE, top = region->end - PAGE;
    if (has_descriptor(source, top, own_tid, &found))
        return found;
    for (uint64_t end = page + STACK_SEARCH_MAX; page < top && page < end; page += PAGE)
        if (has_descriptor(source, page, own_tid, &found))
            return found;
    return 0;
}

uint64_t descriptor_of_main(struct source *source, const struct regions *regions, uint64_t linker,
                            uint32_t own_tid)
{
    const struct region *region = procfs_region_at(regions, linker);
    if (source->arch->machine != EM_X86_64 || !region)
        return 0;
    unsigned char *memory = malloc(MAIN_MAPPING_MAX);
    uint64_t found = 0;
    unsigned count = 0;
    size_t left = memory ? MAIN_SEARCH_MAX : 0;
    while (region-- > regions->list && left && !count) { /* each page more may be one that nobody touched */
        uint64_t size = region->end - region->start;
        if (!region->writable || !region->readable || !procfs_is_anonymous(region))
            continue;
        if (size > MAIN_MAPPING_MAX)
            size = MAIN_MAPPING_MAX;
        left -= size < left ? size : left;
        uint64_t start = region->end - size;
        size = source->operations->read(source, start, memory, size);
        count += search(memory, size, start, own_tid, &found);
    }
    free(memory);
    return count == 1 ? found : 0;
}
