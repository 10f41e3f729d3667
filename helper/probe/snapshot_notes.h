/* SPDX-License-Identifier: MIT
 *
 * snapshot_notes.h - what `threadleak snapshot` puts into a core beside the notes that a kernel writes: notes
 * with the name "THREADLEAK". Little-endian. Written by snapshot.c, read by core.c.
 */
#ifndef THREADLEAK_SNAPSHOT_NOTES_H
#define THREADLEAK_SNAPSHOT_NOTES_H

#include <stdint.h>

#define SNAPSHOT_NOTE_NAME "THREADLEAK"

/* Types that nobody else uses: GDB and libdw take types as small as NT_PRSTATUS for their own, whatever the
 * name. */
enum {
    SNAPSHOT_NOTE_MADE = 0x544c0001, /* struct snapshot_made; the first note of the file */
    SNAPSHOT_NOTE_THREADS,           /* struct snapshot_thread, one for each NT_PRSTATUS, in their order */
    SNAPSHOT_NOTE_FILES, /* text: a line "FD FLAGS PATH" for each open file, FLAGS octal, newlines as \012 */
    /* tids, 32 bits each, as in NT_PRSTATUS: of threads that were in one system call and did not run from
     * before any memory was read until all was. What one of them waits for and holds, it waited for and held
     * all the while. */
    SNAPSHOT_NOTE_STEADY,
};

struct snapshot_made {
    uint64_t realtime_ns;  /* when */
    uint64_t monotonic_ns; /* the same moment on CLOCK_MONOTONIC, for the registry's times */
    uint64_t stopped_ns;   /* how long the process stood still */
    uint32_t pid, own_pid; /* as the writer saw it; as it sees itself */
};

struct snapshot_thread {
    uint32_t tid, own_tid;
    uint32_t state;   /* THREADLEAK_PROBE_*: one that ran has no registers: all are 0 */
    uint32_t known;   /* bit n: NT_PRSTATUS has the register with DWARF number n; pc goes with sp */
    uint64_t pthread; /* 0: not known */
    char name[16];
};

#endif
