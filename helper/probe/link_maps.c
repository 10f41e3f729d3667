/* SPDX-License-Identifier: MIT */
#include "link_maps.h"

#include <elf.h>
#include <link.h>

#define HEADERS_MAX 64
#define DYNAMIC_MAX 256
#define MODULES_MAX 10000 /* a list that is longer is a ring */

/* What glibc keeps behind the public part of a link_map (include/link.h) and libthread_db reads. */
#define LINK_MAP_SIZE 1280
#define NAME_SIZE 256

static bool get(struct source *source, uint64_t address, void *buffer, size_t size)
{
    return source->operations->read(source, address, buffer, size) == size;
}

/* Of a program that is not at the addresses that its file says PT_PHDR tells how far it was moved. */
static uint64_t find_dynamic(struct source *source, uint64_t headers, uint64_t count)
{
    uint64_t bias = 0, dynamic = 0;
    for (uint64_t i = 0; i < count && i < HEADERS_MAX; i++) {
        Elf64_Phdr header;
        if (!get(source, headers + i * sizeof header, &header, sizeof header))
            return 0;
        if (header.p_type == PT_PHDR)
            bias = headers - header.p_vaddr;
        else if (header.p_type == PT_DYNAMIC)
            dynamic = header.p_vaddr;
    }
    return dynamic ? dynamic + bias : 0;
}

static uint64_t find_debug(struct source *source, uint64_t dynamic)
{
    for (int i = 0; i < DYNAMIC_MAX; i++) {
        Elf64_Dyn entry;
        if (!get(source, dynamic + (uint64_t)i * sizeof entry, &entry, sizeof entry) ||
            entry.d_tag == DT_NULL)
            return 0;
        if (entry.d_tag == DT_DEBUG)
            return entry.d_un.d_ptr;
    }
    return 0;
}

void link_maps_add(struct source *source, uint64_t headers, uint64_t count, struct pieces *pieces)
{
    uint64_t dynamic = headers ? find_dynamic(source, headers, count) : 0;
    uint64_t debug = dynamic ? find_debug(source, dynamic) : 0;
    struct r_debug head;
    if (!debug || !get(source, debug, &head, sizeof head))
        return;
    pieces_add(pieces, headers, headers + count * sizeof(Elf64_Phdr), NULL);
    pieces_add(pieces, dynamic, dynamic + DYNAMIC_MAX * sizeof(Elf64_Dyn), NULL);
    pieces_add(pieces, debug, debug + sizeof head, NULL);
    uint64_t next = (uint64_t)(uintptr_t)head.r_map;
    for (int i = 0; next && i < MODULES_MAX; i++) {
        struct link_map module;
        if (!get(source, next, &module, sizeof module))
            return;
        uint64_t name = (uint64_t)(uintptr_t)module.l_name;
        pieces_add(pieces, next, next + LINK_MAP_SIZE, NULL);
        pieces_add(pieces, name, name + NAME_SIZE, NULL);
        next = (uint64_t)(uintptr_t)module.l_next;
    }
}
