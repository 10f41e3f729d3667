/* SPDX-License-Identifier: MIT
 *
 * core_notes.h - the notes of a core: threads and their registers, mapped files, where the program's headers
 * and the vDSO lie, and what `threadleak snapshot` adds. Sources: elf(5); Linux, fs/binfmt_elf.c
 * (fill_note_info, fill_files_note) and include/linux/elfcore.h; snapshot_notes.h for ours.
 */
#ifndef THREADLEAK_CORE_NOTES_H
#define THREADLEAK_CORE_NOTES_H

#include "arch.h"
#include "core_file.h"
#include "snapshot_notes.h"
#include "source.h"

struct core_notes {
    const struct arch *arch;
    struct threadleak_probe_thread *threads;
    uint8_t *user_registers; /* elf_gregset_t of each of `threads`, behind each other */
    uint32_t thread_count, thread_room;
    struct mapping *mappings; /* sorted, without overlap */
    size_t mapping_count;
    char *files;                  /* NT_FILE's content, which the mappings' paths lie in */
    struct snapshot_thread *ours; /* SNAPSHOT_NOTE_THREADS */
    size_t our_count;
    uint64_t program, vdso; /* as in struct source */
    uint32_t pid, own_pid;  /* 0: not known */
    char command[17];       /* "": not known */
    uint64_t budget;        /* bytes of notes that may still be read: overlapping ones are read once */
};

/* Reads the notes from `offset` on, `size` bytes, as far as the file has them. May be called for more than
 * one range. False with an error set: they are not to be trusted. */
bool core_notes_read(struct core_notes *notes, struct core_file *file, uint64_t offset, uint64_t size);

/* After the last of them: what follows from several notes together. */
void core_notes_finish(struct core_notes *notes);

const void *core_notes_registers(const struct core_notes *notes, uint32_t index);

/* What a snapshot says of the thread; NULL: nothing. */
const struct snapshot_thread *core_notes_ours(const struct core_notes *notes, uint32_t index);

void core_notes_free(struct core_notes *notes);

#endif
