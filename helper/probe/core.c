/* SPDX-License-Identifier: MIT
 *
 * core.c - a core file as a source: its headers and its memory. Sources: elf(5); Linux, fs/binfmt_elf.c
 * (elf_core_dump). A core is untrusted, may be sparse, cut short and larger than memory: what is not asked
 * for is not read.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "core_file.h"
#include "core_notes.h"
#include "error.h"
#include "source.h"

/* Linux has at most vm.max_map_count mappings, 65,530 unless set, and a segment for each. */
#define SEGMENTS_MAX (UINT64_C(1) << 22)

/* Memory that the file has. */
struct segment {
    uint64_t start, end;
    uint64_t offset; /* in the file */
};

struct core {
    struct source source;
    struct core_file *file;
    struct core_notes notes;
    struct segment *segments; /* sorted, without overlap */
    size_t segment_count, segment_room;
    size_t last; /* index of the segment that was read last */
};

/* ---- headers ------------------------------------------------------------------------------------- */

static bool refuse_compressed(const struct core_file *file, const uint8_t *start)
{
    static const struct {
        uint8_t magic[6], size;
        const char *name, *command;
    } known[] = {
        {{0x1f, 0x8b}, 2, "gzip", "gunzip"},           {{0x28, 0xb5, 0x2f, 0xfd}, 4, "zstd", "unzstd"},
        {{0x04, 0x22, 0x4d, 0x18}, 4, "lz4", "unlz4"}, {{0xfd, '7', 'z', 'X', 'Z', 0}, 6, "xz", "unxz"},
        {{'B', 'Z', 'h'}, 3, "bzip2", "bunzip2"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (memcmp(start, known[i].magic, known[i].size) == 0) {
            probe_error("%s is compressed with %s: unpack it first (%s)", file->name, known[i].name,
                        known[i].command);
            return true;
        }
    return false;
}

static bool read_header(struct core *core, Elf64_Ehdr *header)
{
    const char *name = core->file->name;
    core_file_get(core->file, 0, header, sizeof *header);
    if (refuse_compressed(core->file, header->e_ident))
        return false;
    if (!core->file->size)
        probe_error("%s is empty", name);
    else if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        probe_error("%s is no core file", name);
    else if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
        probe_error("%s is no 64-bit little-endian core file: no others can be read", name);
    else if (header->e_type != ET_CORE)
        probe_error("%s is an ELF file, but no core file", name);
    else if (header->e_phentsize != sizeof(Elf64_Phdr))
        probe_error("%s is no valid core file: its program headers take %u bytes each", name,
                    header->e_phentsize);
    else if (!(core->source.arch = arch_of(header->e_machine)))
        probe_error("%s is a core file of machine %u (e_machine): only x86-64 and aarch64 can be read", name,
                    header->e_machine);
    else
        return true;
    return false;
}

static uint64_t end_of(uint64_t offset, uint64_t size)
{
    return size > UINT64_MAX - offset ? UINT64_MAX : offset + size;
}

/* Where there are too many for e_phnum, their number is in section header 0, which the kernel writes at the
 * very end. If that was cut off, it follows from the notes, which the kernel writes behind the last header.
 * Sets `*end` to the end of all that must be there to tell it. */
static uint64_t program_header_count(struct core *core, const Elf64_Ehdr *header, uint64_t *end)
{
    *end = 0;
    if (header->e_phnum != PN_XNUM)
        return header->e_phnum;
    Elf64_Shdr section;
    *end = end_of(header->e_shoff, sizeof section);
    if (core_file_get(core->file, header->e_shoff, &section, sizeof section))
        return section.sh_info;
    Elf64_Phdr first;
    core_file_get(core->file, header->e_phoff, &first, sizeof first);
    return first.p_offset > header->e_phoff ? (first.p_offset - header->e_phoff) / sizeof first : 0;
}

/* ---- segments ------------------------------------------------------------------------------------ */

static bool add_segment(struct core *core, const Elf64_Phdr *header)
{
    struct segment segment = {header->p_vaddr, end_of(header->p_vaddr, header->p_filesz), header->p_offset};
    if (header->p_offset >= core->file->size)
        return true;
    uint64_t available = core->file->size - header->p_offset;
    if (segment.end - segment.start > available)
        segment.end = segment.start + available;
    if (segment.start == segment.end)
        return true;
    if (core->segment_count == core->segment_room) {
        size_t room = core->segment_room ? core->segment_room * 2 : 256;
        void *segments = reallocarray(core->segments, room, sizeof segment);
        if (!segments) {
            probe_error("out of memory");
            return false;
        }
        core->segments = segments;
        core->segment_room = room;
    }
    core->segments[core->segment_count++] = segment;
    return true;
}

static int by_start(const void *left, const void *right)
{
    const struct segment *a = left, *b = right;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* The kernel's are sorted. Of two that overlap, which no process has, the lower one holds. */
static void sort_segments(struct core *core)
{
    struct segment *segments = core->segments;
    size_t count = core->segment_count, kept = 0;
    bool is_sorted = true;
    for (size_t i = 1; i < count && is_sorted; i++)
        is_sorted = segments[i - 1].end <= segments[i].start;
    if (is_sorted)
        return;
    qsort(segments, count, sizeof *segments, by_start);
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        struct segment segment = segments[i];
        if (segment.end <= end)
            continue;
        if (segment.start < end) {
            segment.offset += end - segment.start;
            segment.start = end;
        }
        end = segment.end;
        segments[kept++] = segment;
    }
    core->segment_count = kept;
}

/* Reads the notes, collects the segments, and learns what is missing. */
static bool read_segments(struct core *core, const Elf64_Ehdr *header)
{
    Elf64_Phdr headers[256];
    uint64_t end;
    uint64_t count = program_header_count(core, header, &end);
    if (count > SEGMENTS_MAX) {
        probe_error("%s is no valid core file: it claims %llu segments", core->file->name,
                    (unsigned long long)count);
        return false;
    }
    uint64_t at = header->e_phoff;
    uint64_t headers_end = end_of(at, count * sizeof *headers);
    end = headers_end > end ? headers_end : end;
    while (count) {
        size_t part = count < 256 ? count : 256;
        size_t got = core_file_read(core->file, at, headers, part * sizeof *headers) / sizeof *headers;
        for (size_t i = 0; i < got; i++) {
            const Elf64_Phdr *segment = &headers[i];
            uint64_t segment_end = end_of(segment->p_offset, segment->p_filesz);
            end = segment_end > end ? segment_end : end;
            if (segment->p_type == PT_LOAD && !add_segment(core, segment))
                return false;
            if (segment->p_type == PT_NOTE &&
                !core_notes_read(&core->notes, core->file, segment->p_offset, segment->p_filesz))
                return false;
        }
        if (got < part)
            break;
        at += part * sizeof *headers;
        count -= part;
    }
    core->source.info.missing = end > core->file->size ? end - core->file->size : 0;
    sort_segments(core);
    return true;
}

/* ---- as a source --------------------------------------------------------------------------------- */

/* The segment that `address` lies in, or NULL. */
static const struct segment *segment_at(struct core *core, uint64_t address)
{
    size_t low = 0, high = core->segment_count;
    if (core->last < high) {
        const struct segment *last = &core->segments[core->last];
        if (address >= last->start && address < last->end)
            return last;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (core->segments[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == core->segment_count || core->segments[low].start > address)
        return NULL;
    core->last = low;
    return &core->segments[low];
}

static size_t core_read(struct source *source, uint64_t address, void *buffer, size_t size)
{
    struct core *core = (struct core *)source;
    size_t done = 0;
    while (done < size && address + done >= address) {
        const struct segment *segment = segment_at(core, address + done);
        if (!segment)
            break;
        uint64_t within = address + done - segment->start;
        uint64_t part = segment->end - segment->start - within;
        if (part > size - done)
            part = size - done;
        size_t got = core_file_read(core->file, segment->offset + within, (char *)buffer + done, part);
        done += got;
        if (got < part)
            break;
    }
    return done;
}

static bool core_look(struct source *source, uint32_t index, struct registers *registers)
{
    struct core *core = (struct core *)source;
    struct threadleak_probe_thread *thread = &source->threads[index];
    const struct snapshot_thread *ours = core_notes_ours(&core->notes, index);
    const struct arch *arch = source->arch;
    uint64_t pthread = thread->pthread;
    uint8_t code[2 * SYSCALL_INSTRUCTION_MAX];

    registers->known = 0;
    if (ours && ours->state == THREADLEAK_PROBE_RUNNING && !ours->known) { /* nothing else is known */
        thread->state = THREADLEAK_PROBE_RUNNING;
        return true;
    }
    arch->decode(core_notes_registers(&core->notes, index), registers, thread);
    thread->pthread = pthread;
    if (ours)
        registers->known = ours->known;
    if (ours && ours->state == THREADLEAK_PROBE_BLOCKED) { /* the code need not say so */
        arch_set_state(arch, registers, thread, arch->syscall_instruction, arch->syscall_size);
        thread->state = THREADLEAK_PROBE_BLOCKED;
        return true;
    }
    size_t size = core_read(source, thread->pc - arch->syscall_size, code, 2 * arch->syscall_size);
    arch_set_state(arch, registers, thread, code, size);
    return true;
}

static bool core_stood_still(struct source *source, uint32_t index)
{
    (void)source, (void)index;
    return true;
}

static const char *core_thread_name(struct source *source, uint32_t index)
{
    const struct core *core = (const struct core *)source;
    const struct snapshot_thread *ours = core_notes_ours(&core->notes, index);
    return ours && *ours->name ? ours->name : NULL;
}

static void core_close(struct source *source)
{
    struct core *core = (struct core *)source;
    core_notes_free(&core->notes);
    core_file_close(core->file);
    free(core->segments);
    free(core);
}

static const struct source_operations operations = {
    .read = core_read,
    .look = core_look,
    .stood_still = core_stood_still,
    .thread_name = core_thread_name,
    .close = core_close,
};

static bool read_core(struct core *core)
{
    struct source *source = &core->source;
    struct core_notes *notes = &core->notes;
    Elf64_Ehdr header;
    if (!read_header(core, &header))
        return false;
    notes->arch = source->arch;
    notes->budget = core->file->size;
    if (!read_segments(core, &header))
        return false;
    if (!notes->thread_count) {
        probe_error("%s has no threads in it%s", core->file->name,
                    source->info.missing ? ": the file is cut short" : "");
        return false;
    }
    core_notes_finish(notes);
    source->threads = notes->threads;
    source->mappings = notes->mappings;
    source->mapping_count = notes->mapping_count;
    source->program = notes->program;
    source->vdso = notes->vdso;
    source->root = "";
    source->info.kind = THREADLEAK_PROBE_CORE;
    source->info.machine = header.e_machine;
    source->info.pid = notes->pid;
    source->info.own_pid = notes->own_pid;
    source->info.thread_count = notes->thread_count;
    source->info.command = *notes->command ? notes->command : NULL;
    return true;
}

static struct source *open_file(struct core_file *file)
{
    if (!file)
        return NULL;
    struct core *core = calloc(1, sizeof *core);
    if (!core) {
        probe_error("out of memory");
        core_file_close(file);
        return NULL;
    }
    core->source.operations = &operations;
    core->file = file;
    if (!read_core(core)) {
        core_close(&core->source);
        return NULL;
    }
    return &core->source;
}

struct source *core_open(const char *path)
{
    return open_file(core_file_open(path));
}

struct source *core_open_memory(const void *data, size_t size)
{
    return open_file(core_file_memory(data, size));
}
