/* SPDX-License-Identifier: MIT */
#include "snapshot_memory.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link_maps.h"

#define KIB UINT64_C(1024)
#define RED_ZONE 128
#define STRAY_STACK_MAX (256 * KIB) /* of one that no guard page tells from other memory: a coroutine's */
#define DATA_MAX (16384 * KIB)      /* of larger data the pages that were touched */
#define MERGED_BSS_MAX (1024 * KIB) /* of a heap that begins where .bss ends */
#define DESCRIPTOR_ROOM (8 * KIB)   /* on top of a stack: TLS and struct pthread of glibc */
#define SMALL_MAPPING (256 * KIB)
#define ARGUMENT_ROOM 256

static uint64_t page_size(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* allocate_stack of glibc's nptl/allocatestack.c, and main's stack has its name */
static bool is_stack(const struct regions *regions, const struct region *region)
{
    if (!region->writable || !procfs_is_anonymous(region))
        return false;
    if (!strcmp(region->name, "[stack]"))
        return true;
    const struct region *below = region - 1;
    return region > regions->list && below->end == region->start && !below->readable && !below->writable &&
           !below->executable;
}

uint64_t snapshot_stack(const struct regions *regions, const struct threadleak_probe_thread *thread,
                        uint64_t *start)
{
    uint64_t sp = thread->sp, descriptor = thread->pthread;
    const struct region *region = procfs_region_at(regions, sp);
    if (!region || !region->readable)
        return 0;
    *start = sp - region->start > RED_ZONE ? (sp - RED_ZONE) & ~UINT64_C(15) : region->start;
    uint64_t size = region->end - *start;
    /* stacks without guard pages may lie in one mapping */
    if (descriptor > sp && descriptor < region->end)
        return (descriptor / page_size() + 1) * page_size();
    if (size > STRAY_STACK_MAX && !is_stack(regions, region))
        size = STRAY_STACK_MAX;
    return *start + size;
}

/* ---- pages --------------------------------------------------------------------------------------- */

/* Adds the pages of a region that are the process's own, not the file's: those that it has written to.
 * /proc/PID/pagemap: bit 63 present, 62 swapped out, 61 page of a file
 * (Documentation/admin-guide/mm/pagemap). */
static void add_own_pages(int pagemap, const struct region *region, struct pieces *pieces)
{
    uint64_t page = page_size(), entries[512];
    for (uint64_t at = region->start; at < region->end;) {
        uint64_t wanted = (region->end - at) / page;
        if (wanted > 512)
            wanted = 512;
        ssize_t got = pread(pagemap, entries, wanted * 8, (off_t)(at / page * 8));
        if (got < 8)
            return;
        for (ssize_t i = 0; i < got / 8; i++, at += page)
            if (entries[i] >> 62 && !(entries[i] >> 61 & 1))
                pieces_add(pieces, at, at + page, NULL);
    }
}

static void add_data(int pagemap, const struct region *region, struct pieces *pieces)
{
    if (region->end - region->start <= DATA_MAX)
        pieces_add(pieces, region->start, region->end, NULL);
    else
        add_own_pages(pagemap, region, pieces);
}

/* ---- regions ------------------------------------------------------------------------------------- */

/* ELF headers and build-id; data; and what the dynamic linker wrote before it made it read-only. */
static void add_file(struct source *source, int pagemap, const struct region *region, struct pieces *pieces)
{
    char magic[SELFMAG];
    if (!region->offset && source->operations->read(source, region->start, magic, SELFMAG) == SELFMAG &&
        !memcmp(magic, ELFMAG, SELFMAG))
        pieces_add(pieces, region->start, region->start + page_size(), NULL);
    if (!region->is_private || region->executable)
        return;
    if (region->writable)
        add_data(pagemap, region, pieces);
    else
        add_own_pages(pagemap, region, pieces);
}

/* .bss follows the data of its file, and where addresses are not random the heap follows .bss. */
static void add_bss(int pagemap, const struct region *region, struct pieces *pieces)
{
    uint64_t size = region->end - region->start;
    if (!region->name[0])
        add_data(pagemap, region, pieces);
    else
        pieces_add(pieces, region->start, region->start + (size < MERGED_BSS_MAX ? size : MERGED_BSS_MAX),
                   NULL);
}

static void add_region(struct source *source, int pagemap, const struct regions *regions,
                       const struct region *region, struct pieces *pieces)
{
    const struct region *below = region > regions->list ? region - 1 : NULL;
    if (!region->readable)
        return;
    if (region->name[0] == '/')
        add_file(source, pagemap, region, pieces);
    else if (!strcmp(region->name, "[vdso]"))
        pieces_add(pieces, region->start, region->end, NULL);
    else if (!region->writable || !procfs_is_anonymous(region))
        return;
    else if (below && below->end == region->start && below->name[0] == '/' && below->writable)
        add_bss(pagemap, region, pieces);
    else if (is_stack(regions, region)) /* of a finished thread, or of one that runs */
        pieces_add(pieces,
                   region->end - region->start > DESCRIPTOR_ROOM ? region->end - DESCRIPTOR_ROOM
                                                                 : region->start,
                   region->end, NULL);
}

void snapshot_add_process(struct source *source, const struct process *process, int pagemap,
                          const struct regions *regions, struct pieces *pieces)
{
    for (size_t i = 0; i < regions->count; i++)
        add_region(source, pagemap, regions, &regions->list[i], pieces);
    link_maps_add(source, process->headers, process->header_count, pieces);
}

/* ---- threads ------------------------------------------------------------------------------------- */

/* Up to `room` on either side, as far as the region goes. */
static void add_around(const struct regions *regions, uint64_t address, uint64_t room, struct pieces *pieces)
{
    const struct region *region = procfs_region_at(regions, address);
    if (!region || !region->readable || !region->writable || !region->is_private)
        return;
    uint64_t start = address - region->start > room ? address - room : region->start;
    uint64_t end = region->end - address > room ? address + room : region->end;
    pieces_add(pieces, start, end, NULL);
}

void snapshot_add_thread(const struct regions *regions, const struct threadleak_probe_thread *thread,
                         struct pieces *pieces)
{
    const struct region *region = thread->pthread ? procfs_region_at(regions, thread->pthread) : NULL;
    if (region) {
        bool is_small = region->end - region->start <= SMALL_MAPPING && !is_stack(regions, region);
        add_around(regions, thread->pthread, is_small ? SMALL_MAPPING : DESCRIPTOR_ROOM / 2, pieces);
    }
    for (int i = 0; thread->syscall >= 0 && i < 6; i++)
        add_around(regions, thread->arguments[i], ARGUMENT_ROOM, pieces);
}
