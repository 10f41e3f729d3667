/* SPDX-License-Identifier: MIT
 *
 * source.h - where threads, registers and memory come from: a core file (core.c), or a live process without
 * (live.c) or with a stop (stop.c). What is above it, unwinding and names, is the same for all.
 */
#ifndef THREADLEAK_SOURCE_H
#define THREADLEAK_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "threadleak_probe.h"

#define REGISTERS_MAX 33

/* By DWARF number (System V ABI for x86-64, figure 3.36; DWARF for the Arm 64-bit architecture, 4.1). */
struct registers {
    uint64_t value[REGISTERS_MAX];
    uint64_t known; /* bit n: value[n] is */
};

/* A range of addresses that a file is mapped at. Sorted by start; they do not overlap. */
struct mapping {
    uint64_t start, end;
    uint64_t offset; /* in the file */
    const char *path;
};

struct source;

struct source_operations {
    /* Bytes from `address` on that the source itself has, up to `size`; 0: none. */
    size_t (*read)(struct source *source, uint64_t address, void *buffer, size_t size);
    /* Fills state, sp, pc, syscall, arguments of the thread, and its registers as far as they are known.
     * False: it is gone. */
    bool (*look)(struct source *source, uint32_t index, struct registers *registers);
    /* Fills pthread of a thread whose sp is known, where look() does not: that takes reads of several pages.
     * NULL: look() does. */
    void (*find_pthread)(struct source *source, uint32_t index);
    /* Whether the thread surely did not run since look(). */
    bool (*stood_still)(struct source *source, uint32_t index);
    const char *(*thread_name)(struct source *source, uint32_t index);
    void (*close)(struct source *source);
};

/* The first member of each source's own struct. Filled by whoever opens it; lives until close. */
struct source {
    const struct source_operations *operations;
    const struct arch *arch;
    struct threadleak_probe_info info;       /* without module_count */
    struct threadleak_probe_thread *threads; /* info.thread_count; pthread: of a core the thread pointer */
    struct mapping *mappings;                /* of files */
    size_t mapping_count;
    uint64_t vdso;    /* where the vDSO's ELF header lies; 0: none */
    uint64_t program; /* an address in the program's file (AT_PHDR); 0: not known */
    const char *root; /* "/proc/PID/root": what paths of a process are relative to; "" for a core */
};

/* Each returns NULL with an error set (error.h). */
struct source *core_open(const char *path);
struct source *core_open_memory(const void *data, size_t size); /* for fuzzing; `data` stays the caller's */
struct source *live_open(int pid, unsigned flags);

#endif
