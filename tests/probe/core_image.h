/* SPDX-License-Identifier: MIT
 *
 * core_image.h - makes the bytes of a small core file: headers, one segment of notes, memory. What is made is
 * valid; a test spoils it afterwards, at the offsets that are kept here.
 */
#ifndef CORE_IMAGE_H
#define CORE_IMAGE_H

#include <assert.h>
#include <elf.h>
#include <stdint.h>
#include <string.h>

#include "snapshot_notes.h"
#include "threadleak_probe.h"

enum { IMAGE_MAX = 1 << 16, IMAGE_SEGMENTS = 16, IMAGE_MEMORY = 0x10000, IMAGE_STACK = 0x7f0000001000 };

struct core_image {
    uint8_t bytes[IMAGE_MAX];
    size_t size;
    size_t notes; /* offset of the first */
    size_t segment_count;
    Elf64_Phdr segments[IMAGE_SEGMENTS];
    uint16_t machine;
};

static inline void image_put(struct core_image *image, const void *data, size_t size)
{
    assert(image->size + size <= sizeof image->bytes);
    memcpy(image->bytes + image->size, data, size);
    image->size += size;
}

static inline void image_begin(struct core_image *image, uint16_t machine)
{
    memset(image, 0, sizeof *image);
    image->machine = machine;
    image->notes = sizeof(Elf64_Ehdr) + IMAGE_SEGMENTS * sizeof(Elf64_Phdr);
    image->size = image->notes;
    image->segment_count = 1; /* 0 is PT_NOTE */
}

/* The offset of its content. */
static inline size_t image_note(struct core_image *image, const char *name, uint32_t type, const void *data,
                                uint32_t size)
{
    static const uint8_t zeros[4];
    Elf64_Nhdr header = {(uint32_t)strlen(name) + 1, size, type};
    image_put(image, &header, sizeof header);
    image_put(image, name, header.n_namesz);
    image_put(image, zeros, -header.n_namesz & 3);
    size_t at = image->size;
    image_put(image, data, size);
    image_put(image, zeros, -size & 3);
    return at;
}

/* After all notes. Returns the header, which image_end writes. */
static inline Elf64_Phdr *image_segment(struct core_image *image, uint64_t address, const void *data,
                                        uint64_t size)
{
    if (image->segment_count == 1) {
        Elf64_Phdr *notes = &image->segments[0];
        *notes = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = image->notes};
        notes->p_filesz = image->size - image->notes;
    }
    assert(image->segment_count < IMAGE_SEGMENTS);
    Elf64_Phdr *segment = &image->segments[image->segment_count++];
    *segment = (Elf64_Phdr){PT_LOAD, PF_R | PF_W, image->size, address, 0, size, size, 0x1000};
    image_put(image, data, size);
    return segment;
}

static inline Elf64_Ehdr *image_header(struct core_image *image)
{
    return (Elf64_Ehdr *)(void *)image->bytes;
}

static inline void image_end(struct core_image *image)
{
    Elf64_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT}};
    header.e_type = ET_CORE;
    header.e_machine = image->machine;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = (uint16_t)image->segment_count;
    memcpy(image->bytes, &header, sizeof header);
    memcpy(image->bytes + sizeof header, image->segments, sizeof image->segments);
}

/* ---- notes of a process with threads ------------------------------------------------------------- */

/* Offsets in struct elf_prstatus of <sys/procfs.h>, and in its registers. */
enum { PRSTATUS_TID = 32, PRSTATUS_REGISTERS = 112, PRSTATUS_X86_64 = 336, PRSTATUS_AARCH64 = 392 };
enum { X86_64_ORIG_RAX = 15, X86_64_RIP = 16, X86_64_RSP = 19, X86_64_FS_BASE = 21 };
enum { AARCH64_X8 = 8, AARCH64_SP = 31, AARCH64_PC = 32 };

struct image_thread {
    uint32_t tid;
    int32_t syscall;
    uint64_t sp, pc, pthread;
};

static inline size_t image_thread(struct core_image *image, const struct image_thread *thread)
{
    uint8_t status[PRSTATUS_AARCH64] = {0};
    uint64_t registers[34] = {0};
    int is_arm = image->machine == EM_AARCH64;
    registers[is_arm ? AARCH64_X8 : X86_64_ORIG_RAX] = (uint64_t)(int64_t)thread->syscall;
    registers[is_arm ? AARCH64_SP : X86_64_RSP] = thread->sp;
    registers[is_arm ? AARCH64_PC : X86_64_RIP] = thread->pc;
    if (!is_arm)
        registers[X86_64_FS_BASE] = thread->pthread;
    memcpy(status + PRSTATUS_TID, &thread->tid, sizeof thread->tid);
    memcpy(status + PRSTATUS_REGISTERS, registers, is_arm ? 272 : 216);
    size_t at = image_note(image, "CORE", NT_PRSTATUS, status, is_arm ? PRSTATUS_AARCH64 : PRSTATUS_X86_64);
    if (is_arm)
        image_note(image, "LINUX", NT_ARM_TLS, &thread->pthread, sizeof thread->pthread);
    return at;
}

static inline void image_prpsinfo(struct core_image *image, uint32_t pid, const char *command)
{
    uint8_t info[136] = {0};
    memcpy(info + 24, &pid, sizeof pid);
    strncpy((char *)info + 40, command, 16);
    image_note(image, "CORE", NT_PRPSINFO, info, sizeof info);
}

static inline void image_auxv(struct core_image *image, uint64_t program, uint64_t vdso)
{
    uint64_t auxv[] = {AT_PHDR, program, AT_PAGESZ, 4096, AT_SYSINFO_EHDR, vdso, AT_NULL, 0};
    image_note(image, "CORE", NT_AUXV, auxv, sizeof auxv);
}

/* Two mappings of one file and one of another. The offset of its content. */
static inline size_t image_files(struct core_image *image)
{
    static const char paths[] = "/bin/program\0/bin/program\0/lib/libc.so.6";
    uint64_t rows[] = {3, 4096, 0x400000, 0x401000, 0, 0x401000, 0x403000, 1, 0x7f1000, 0x7f3000, 2};
    uint8_t content[sizeof rows + sizeof paths];
    memcpy(content, rows, sizeof rows);
    memcpy(content + sizeof rows, paths, sizeof paths);
    return image_note(image, "CORE", NT_FILE, content, sizeof content);
}

/* A process of two threads: the first in futex, the second in user space. */
static inline void image_process_notes(struct core_image *image)
{
    int futex = image->machine == EM_AARCH64 ? 98 : 202;
    struct image_thread waits = {100, futex, IMAGE_STACK + 0x100, 0x401010, 0x7000};
    struct image_thread runs = {101, -1, IMAGE_STACK + 0x200, 0x401020, 0x8000};
    image_thread(image, &waits);
    image_prpsinfo(image, 100, "program");
    image_auxv(image, 0x400040, 0x7fff1000);
    image_files(image);
    image_thread(image, &runs);
}

static inline void image_process(struct core_image *image, uint16_t machine)
{
    image_begin(image, machine);
    image_process_notes(image);
}

/* The same process, from a PID namespace, as `threadleak snapshot` saw it while it ran. Where struct
 * snapshot_thread of the first thread lies, whose tid is given. */
static inline size_t image_snapshot(struct core_image *image, uint32_t first_tid)
{
    struct snapshot_made made = {.pid = 5100, .own_pid = 1};
    struct snapshot_thread threads[] = {
        {first_tid, 1, THREADLEAK_PROBE_BLOCKED, 1 << 7 | 1 << 16, 0x7700, "waits"},
        {101, 2, THREADLEAK_PROBE_RUNNING, 0, 0x8800, "sixteen bytes!!!"},
    };
    image_begin(image, EM_X86_64);
    image_note(image, SNAPSHOT_NOTE_NAME, SNAPSHOT_NOTE_MADE, &made, sizeof made);
    image_process_notes(image);
    size_t at = image_note(image, SNAPSHOT_NOTE_NAME, SNAPSHOT_NOTE_THREADS, threads, sizeof threads);
    image_note(image, SNAPSHOT_NOTE_NAME, SNAPSHOT_NOTE_FILES, "0 02 /dev/null\n", 15);
    return at;
}

static inline void image_memory(struct core_image *image)
{
    uint8_t page[0x1000];
    for (size_t i = 0; i < sizeof page; i++)
        page[i] = (uint8_t)i;
    image_segment(image, IMAGE_MEMORY, page, 0x800);
    image_segment(image, IMAGE_MEMORY + 0x800, page, 0x100); /* adjacent */
    image_segment(image, IMAGE_STACK, page, 0x1000);
}

#endif
