/* SPDX-License-Identifier: MIT */
#include "core_notes.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "snapshot_notes.h"

/* A note's content is read as a whole, where it is read at all. The kernel makes none of NT_FILE above
 * core_file_note_size_limit, at most 16 MiB. */
#define NOTE_MAX (UINT64_C(64) << 20)

/* struct elf_prstatus and struct elf_prpsinfo of 64-bit targets; both are alike on x86-64 and aarch64. */
enum { PRSTATUS_PID = 32 };
enum { PRPSINFO_SIZE = 136, PRPSINFO_PID = 24, PRPSINFO_NAME = 40, PRPSINFO_NAME_SIZE = 16 };

struct note {
    uint32_t type, size;
    uint64_t at; /* offset of its content, all of which the file has */
    char name[sizeof SNAPSHOT_NOTE_NAME];
};

static bool out_of_memory(void)
{
    probe_error("out of memory");
    return false;
}

/* ---- threads ------------------------------------------------------------------------------------- */

static bool grow(struct core_notes *notes)
{
    if (notes->thread_count < notes->thread_room)
        return true;
    uint32_t room = notes->thread_room ? notes->thread_room * 2 : 64;
    void *threads = reallocarray(notes->threads, room, sizeof *notes->threads);
    if (threads)
        notes->threads = threads;
    void *registers = reallocarray(notes->user_registers, room, notes->arch->registers_size);
    if (registers)
        notes->user_registers = registers;
    if (!threads || !registers)
        return out_of_memory();
    notes->thread_room = room;
    return true;
}

const void *core_notes_registers(const struct core_notes *notes, uint32_t index)
{
    return notes->user_registers + (size_t)index * notes->arch->registers_size;
}

static bool read_prstatus(struct core_notes *notes, struct core_file *file, const struct note *note)
{
    const struct arch *arch = notes->arch;
    if (note->size != arch->prstatus_size) {
        /* to leave it out would hide a thread */
        probe_error("%s: the registers of a thread (NT_PRSTATUS) take %u bytes, %u are expected", file->name,
                    note->size, arch->prstatus_size);
        return false;
    }
    if (!grow(notes))
        return false;
    struct threadleak_probe_thread *thread = &notes->threads[notes->thread_count];
    void *registers = notes->user_registers + (size_t)notes->thread_count * arch->registers_size;
    *thread = (struct threadleak_probe_thread){.syscall = -1};
    core_file_get(file, note->at + PRSTATUS_PID, &thread->tid, sizeof thread->tid);
    if (!core_file_get(file, note->at + arch->prstatus_registers, registers, arch->registers_size)) {
        probe_error("%s cannot be read: it was cut short meanwhile", file->name);
        return false;
    }
    thread->own_tid = thread->tid;
    notes->thread_count++;
    return true;
}

/* The kernel and GDB write it after the NT_PRSTATUS of the same thread. */
static void read_thread_pointer(struct core_notes *notes, struct core_file *file, const struct note *note)
{
    uint64_t *pthread = &notes->threads[notes->thread_count - 1].pthread;
    if (note->size >= sizeof *pthread)
        core_file_get(file, note->at, pthread, sizeof *pthread);
}

/* ---- the process --------------------------------------------------------------------------------- */

static void read_prpsinfo(struct core_notes *notes, struct core_file *file, const struct note *note)
{
    if (note->size != PRPSINFO_SIZE)
        return;
    if (!notes->own_pid) { /* a snapshot knows better */
        core_file_get(file, note->at + PRPSINFO_PID, &notes->own_pid, sizeof notes->own_pid);
        notes->pid = notes->own_pid;
    }
    core_file_get(file, note->at + PRPSINFO_NAME, notes->command, PRPSINFO_NAME_SIZE);
}

static void read_auxv(struct core_notes *notes, struct core_file *file, const struct note *note)
{
    Elf64_auxv_t entry;
    for (uint32_t at = 0; note->size - at >= sizeof entry; at += sizeof entry) {
        core_file_get(file, note->at + at, &entry, sizeof entry);
        if (entry.a_type == AT_NULL)
            break;
        if (entry.a_type == AT_PHDR)
            notes->program = entry.a_un.a_val;
        else if (entry.a_type == AT_SYSINFO_EHDR)
            notes->vdso = entry.a_un.a_val;
    }
}

/* ---- mapped files -------------------------------------------------------------------------------- */

static int by_start(const void *left, const void *right)
{
    const struct mapping *a = left, *b = right;
    return a->start < b->start ? -1 : a->start > b->start;
}

/* Those that a process can have: not empty, and no two at one address. */
static void sort_mappings(struct core_notes *notes)
{
    qsort(notes->mappings, notes->mapping_count, sizeof *notes->mappings, by_start);
    size_t kept = 0;
    for (size_t i = 0; i < notes->mapping_count; i++) {
        const struct mapping *mapping = &notes->mappings[i];
        if (mapping->start < mapping->end && (!kept || mapping->start >= notes->mappings[kept - 1].end))
            notes->mappings[kept++] = *mapping;
    }
    notes->mapping_count = kept;
}

/* Number of mappings, size of a page; for each mapping start, end and offset in pages; then their paths. */
static bool read_files(struct core_notes *notes, struct core_file *file, const struct note *note)
{
    struct {
        uint64_t count, page_size;
    } header;
    struct {
        uint64_t start, end, page;
    } row;
    if (notes->files || note->size < sizeof header)
        return true;
    char *content = malloc((size_t)note->size + 1);
    if (!content)
        return out_of_memory();
    notes->files = content;
    size_t size = core_file_read(file, note->at, content, note->size);
    if (size < sizeof header)
        return true;
    content[size] = '\0';
    memcpy(&header, content, sizeof header);
    uint64_t count = (size - sizeof header) / sizeof row;
    if (count > header.count)
        count = header.count;
    notes->mappings = calloc(count + 1, sizeof *notes->mappings);
    if (!notes->mappings)
        return out_of_memory();
    const char *rows = content + sizeof header;
    const char *path = rows + count * sizeof row;
    for (uint64_t i = 0; i < count && path < content + size; i++) {
        struct mapping *mapping = &notes->mappings[notes->mapping_count];
        memcpy(&row, rows + i * sizeof row, sizeof row);
        *mapping = (struct mapping){.start = row.start, .end = row.end, .path = path};
        path += strlen(path) + 1;
        if (!__builtin_mul_overflow(row.page, header.page_size, &mapping->offset))
            notes->mapping_count++;
    }
    sort_mappings(notes);
    return true;
}

/* ---- what a snapshot adds ------------------------------------------------------------------------ */

static bool read_ours(struct core_notes *notes, struct core_file *file, const struct note *note)
{
    struct snapshot_made made;
    if (note->type == SNAPSHOT_NOTE_MADE && note->size >= sizeof made) {
        core_file_get(file, note->at, &made, sizeof made);
        notes->pid = made.pid;
        notes->own_pid = made.own_pid;
    } else if (note->type == SNAPSHOT_NOTE_THREADS && !notes->ours) {
        notes->ours = malloc((size_t)note->size + 1);
        if (!notes->ours)
            return out_of_memory();
        notes->our_count = core_file_read(file, note->at, notes->ours, note->size) / sizeof *notes->ours;
    }
    return true;
}

const struct snapshot_thread *core_notes_ours(const struct core_notes *notes, uint32_t index)
{
    if (index >= notes->our_count)
        return NULL;
    const struct snapshot_thread *ours = &notes->ours[index];
    return ours->tid == notes->threads[index].tid ? ours : NULL;
}

void core_notes_finish(struct core_notes *notes)
{
    for (uint32_t i = 0; i < notes->thread_count; i++) {
        struct threadleak_probe_thread *thread = &notes->threads[i], decoded = {0};
        struct registers registers;
        notes->arch->decode(core_notes_registers(notes, i), &registers, &decoded);
        if (decoded.pthread)
            thread->pthread = decoded.pthread;
        const struct snapshot_thread *ours = core_notes_ours(notes, i);
        if (ours) {
            thread->own_tid = ours->own_tid;
            thread->pthread = ours->pthread;
        }
    }
    for (size_t i = 0; i < notes->our_count; i++)
        notes->ours[i].name[sizeof notes->ours[i].name - 1] = '\0';
}

/* ---- the list of notes --------------------------------------------------------------------------- */

static bool read_note(struct core_notes *notes, struct core_file *file, const struct note *note)
{
    if (strcmp(note->name, SNAPSHOT_NOTE_NAME) == 0)
        return read_ours(notes, file, note);
    if (strcmp(note->name, "LINUX") == 0) {
        if (note->type == NT_ARM_TLS && notes->thread_count)
            read_thread_pointer(notes, file, note);
        return true;
    }
    if (strcmp(note->name, "CORE") != 0)
        return true;
    switch (note->type) {
    case NT_PRSTATUS:
        return read_prstatus(notes, file, note);
    case NT_PRPSINFO:
        read_prpsinfo(notes, file, note);
        return true;
    case NT_AUXV:
        read_auxv(notes, file, note);
        return true;
    case NT_FILE:
        return read_files(notes, file, note);
    default:
        return true;
    }
}

static uint64_t padded(uint32_t size)
{
    return ((uint64_t)size + 3) & ~UINT64_C(3);
}

/* A header of zeros is no note: a hole in the file, which may be large. */
bool core_notes_read(struct core_notes *notes, struct core_file *file, uint64_t offset, uint64_t size)
{
    Elf64_Nhdr header;
    if (offset >= file->size)
        return true;
    if (size > file->size - offset)
        size = file->size - offset;
    uint64_t end = offset + size;
    while (end - offset >= sizeof header && notes->budget >= sizeof header) {
        struct note note = {0};
        if (!core_file_get(file, offset, &header, sizeof header))
            break;
        uint64_t whole = sizeof header + padded(header.n_namesz) + padded(header.n_descsz);
        uint64_t bare = sizeof header + padded(header.n_namesz) + header.n_descsz;
        if (bare > end - offset || bare > notes->budget || whole == sizeof header)
            break;
        note.type = header.n_type;
        note.size = header.n_descsz;
        note.at = offset + bare - header.n_descsz;
        if (header.n_namesz <= sizeof note.name)
            core_file_get(file, offset + sizeof header, note.name, header.n_namesz);
        note.name[sizeof note.name - 1] = '\0';
        if (header.n_descsz <= NOTE_MAX && !read_note(notes, file, &note))
            return false;
        if (whole > end - offset || whole > notes->budget)
            break;
        offset += whole;
        notes->budget -= whole;
    }
    return true;
}

void core_notes_free(struct core_notes *notes)
{
    free(notes->threads);
    free(notes->user_registers);
    free(notes->mappings);
    free(notes->files);
    free(notes->ours);
}
