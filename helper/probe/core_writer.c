/* SPDX-License-Identifier: MIT */
#include "core_writer.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

#define BUFFER_SIZE (1 << 20)
#define PAGE 4096 /* segments begin at multiples of it in the file, as in the kernel's */

struct core_writer {
    char *path, *temporary;
    int file;
    int error; /* errno of the first thing that failed */
    uint16_t machine;
    uint64_t size; /* of the file so far, with what waits in `buffer` */
    uint64_t memory;
    char *buffer;
    size_t waiting;
    Elf64_Phdr *segments;
    size_t segment_count, segment_room;
    char *notes;
    size_t notes_size, notes_room;
};

static void discard(struct core_writer *writer)
{
    if (writer->file >= 0) {
        close(writer->file);
        unlink(writer->temporary);
    }
    free(writer->path);
    free(writer->temporary);
    free(writer->buffer);
    free(writer->segments);
    free(writer->notes);
    free(writer);
}

void core_writer_abandon(struct core_writer *writer)
{
    discard(writer);
}

/* ---- bytes --------------------------------------------------------------------------------------- */

static void write_all(struct core_writer *writer, const char *bytes, size_t size)
{
    while (size && !writer->error) {
        ssize_t written = write(writer->file, bytes, size);
        if (written < 0) {
            if (errno != EINTR)
                writer->error = errno;
            continue;
        }
        bytes += written;
        size -= (size_t)written;
    }
}

static void flush(struct core_writer *writer)
{
    write_all(writer, writer->buffer, writer->waiting);
    writer->waiting = 0;
}

static void append(struct core_writer *writer, const void *bytes, size_t size)
{
    writer->size += size;
    if (size > BUFFER_SIZE - writer->waiting)
        flush(writer);
    if (size > BUFFER_SIZE) {
        write_all(writer, bytes, size);
    } else if (size) {
        memcpy(writer->buffer + writer->waiting, bytes, size);
        writer->waiting += size;
    }
}

static void align(struct core_writer *writer, size_t to)
{
    static const char zeros[PAGE];
    append(writer, zeros, -writer->size & (to - 1));
}

/* ---- parts --------------------------------------------------------------------------------------- */

struct core_writer *core_writer_begin(const char *path, uint16_t machine)
{
    static const Elf64_Ehdr room_for_header;
    struct stat status;
    if (!stat(path, &status) && !S_ISREG(status.st_mode)) {
        probe_error("%.300s is not an ordinary file: a core is not written there", path);
        return NULL;
    }
    struct core_writer *writer = calloc(1, sizeof *writer);
    if (writer)
        writer->file = -1;
    if (!writer || !(writer->path = strdup(path)) || !(writer->buffer = malloc(BUFFER_SIZE)) ||
        asprintf(&writer->temporary, "%s.XXXXXX", path) < 0) {
        probe_error("out of memory");
        if (writer) {
            writer->temporary = NULL;
            discard(writer);
        }
        return NULL;
    }
    writer->machine = machine;
    writer->file = mkostemp(writer->temporary, O_CLOEXEC);
    if (writer->file < 0) {
        probe_error("%.300s cannot be written: %s", path, strerror(errno));
        discard(writer);
        return NULL;
    }
    append(writer, &room_for_header, sizeof room_for_header);
    return writer;
}

static void add_segment(struct core_writer *writer, uint64_t address, uint32_t flags, uint64_t size)
{
    if (writer->segment_count == writer->segment_room) {
        size_t room = writer->segment_room ? writer->segment_room * 2 : 256;
        Elf64_Phdr *larger = realloc(writer->segments, room * sizeof *larger);
        if (!larger) {
            writer->error = ENOMEM;
            return;
        }
        writer->segments = larger;
        writer->segment_room = room;
    }
    writer->segments[writer->segment_count++] = (Elf64_Phdr){.p_type = PT_LOAD,
                                                             .p_flags = flags,
                                                             .p_offset = writer->size,
                                                             .p_vaddr = address,
                                                             .p_filesz = size,
                                                             .p_memsz = size,
                                                             .p_align = PAGE};
}

void core_writer_memory(struct core_writer *writer, uint64_t address, uint32_t flags, const void *bytes,
                        size_t size)
{
    if (!size || writer->error)
        return;
    Elf64_Phdr *last = writer->segment_count ? &writer->segments[writer->segment_count - 1] : NULL;
    writer->memory += size;
    if (last && last->p_vaddr + last->p_filesz == address && last->p_flags == flags) {
        last->p_filesz = last->p_memsz += size;
    } else {
        align(writer, PAGE);
        add_segment(writer, address, flags, size);
    }
    append(writer, bytes, size);
}

void core_writer_note(struct core_writer *writer, const char *name, uint32_t type, const void *content,
                      size_t size)
{
    Elf64_Nhdr header = {
        .n_namesz = (Elf64_Word)strlen(name) + 1, .n_descsz = (Elf64_Word)size, .n_type = type};
    size_t name_size = (header.n_namesz + 3) & ~3u, needed = sizeof header + name_size + ((size + 3) & ~3u);
    if (writer->notes_room - writer->notes_size < needed) {
        size_t room = (writer->notes_room + needed) * 2;
        char *larger = realloc(writer->notes, room);
        if (!larger) {
            writer->error = ENOMEM;
            return;
        }
        writer->notes = larger;
        writer->notes_room = room;
    }
    char *at = writer->notes + writer->notes_size;
    memset(at, 0, needed);
    memcpy(at, &header, sizeof header);
    memcpy(at + sizeof header, name, header.n_namesz);
    if (size)
        memcpy(at + sizeof header + name_size, content, size);
    writer->notes_size += needed;
}

/* ---- the end ------------------------------------------------------------------------------------- */

static int by_address(const void *left, const void *right)
{
    const Elf64_Phdr *a = left, *b = right;
    return a->p_vaddr < b->p_vaddr ? -1 : a->p_vaddr > b->p_vaddr;
}

/* The kernel's cores have the notes first in the table, too. */
static void append_tables(struct core_writer *writer, Elf64_Ehdr *header)
{
    align(writer, 16);
    Elf64_Phdr notes = {
        .p_type = PT_NOTE, .p_offset = writer->size, .p_filesz = writer->notes_size, .p_align = 4};
    append(writer, writer->notes, writer->notes_size);
    align(writer, 16);
    qsort(writer->segments, writer->segment_count, sizeof *writer->segments, by_address);
    size_t count = writer->segment_count + 1;
    header->e_phoff = writer->size;
    header->e_phentsize = sizeof(Elf64_Phdr);
    header->e_phnum = count < PN_XNUM ? (Elf64_Half)count : PN_XNUM;
    append(writer, &notes, sizeof notes);
    append(writer, writer->segments, writer->segment_count * sizeof *writer->segments);
    if (count >= PN_XNUM) {
        Elf64_Shdr extended = {.sh_type = SHT_NULL, .sh_info = (Elf64_Word)count};
        header->e_shoff = writer->size;
        header->e_shentsize = sizeof extended;
        header->e_shnum = 1;
        append(writer, &extended, sizeof extended);
    }
}

bool core_writer_end(struct core_writer *writer, uint64_t *size, uint64_t *memory)
{
    Elf64_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT, ELFOSABI_NONE},
        .e_type = ET_CORE,
        .e_machine = writer->machine,
        .e_version = EV_CURRENT,
        .e_ehsize = sizeof header,
    };
    append_tables(writer, &header);
    flush(writer);
    *size = writer->size;
    *memory = writer->memory;
    if (!writer->error && pwrite(writer->file, &header, sizeof header, 0) != sizeof header)
        writer->error = errno ? errno : ENOSPC;
    if (!writer->error && rename(writer->temporary, writer->path))
        writer->error = errno;
    bool ok = !writer->error;
    if (ok) {
        close(writer->file);
        writer->file = -1;
    } else {
        probe_error("%.300s cannot be written: %s", writer->path, strerror(writer->error));
    }
    discard(writer);
    return ok;
}
