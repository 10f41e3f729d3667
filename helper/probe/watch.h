/* SPDX-License-Identifier: MIT
 *
 * watch.h - what a thread does, by the files syscall and schedstat of /proc/PID/task/TID, proc(5), without
 * touching it; and whether it has run since.
 */
#ifndef THREADLEAK_WATCH_H
#define THREADLEAK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum outcome {
    SEEN,
    UNREADABLE, /* it is there, and the kernel does not tell */
    GONE,
};

/* Where a thread was. */
struct sighting {
    uint64_t runs;   /* how often the scheduler had let it run, read first */
    uint64_t sp, pc; /* 0 of one that runs */
    uint64_t arguments[6];
    int64_t syscall; /* -1: it runs, or it waits outside of any system call */
    uint64_t is_valid;
};

/* The files of the thread that was looked at last are kept open: to read them again costs a fraction. */
struct watch {
    int task; /* /proc/PID/task */
    int syscall, runs;
    uint32_t tid;
    bool has_schedstat;
};

/* `task` stays the caller's. */
void watch_begin(struct watch *watch, int task);
void watch_end(struct watch *watch);

enum outcome watch_look(struct watch *watch, uint32_t tid, struct sighting *sighting);

/* Whether the thread has surely not run since that sighting: it is in the same system call, with the same
 * stack pointer, and the scheduler has not let it run. */
bool watch_is_same(struct watch *watch, uint32_t tid, const struct sighting *before);

#endif
