/* SPDX-License-Identifier: MIT
 *
 * process.h - where in /proc a process is asked, and what the kernel told it when it began (auxv).
 */
#ifndef THREADLEAK_PROCESS_H
#define THREADLEAK_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct process {
    int pid;           /* in our PID namespace */
    uint32_t own_pid;  /* in its own */
    bool is_elsewhere; /* these are two namespaces: its threads have two ids, too */
    int folder;        /* /proc/PID, or /proc/PID/task/TID where main has left */
    int task;          /* /proc/PID/task */
    uint32_t living;   /* a thread that has memory: main, or if it has left the TID of `folder` */
    char root[64];     /* "/proc/PID/root" or "/proc/PID/task/TID/root": what its paths are relative to */
    /* AT_PHDR, AT_PHNUM: the program's headers; AT_BASE: the dynamic linker; AT_SYSINFO_EHDR. 0: there is
     * none */
    uint64_t headers, header_count, linker, vdso;
};

/* False: an error is set, and process_close is still to be called. */
bool process_open(struct process *process, int pid);
void process_close(struct process *process);

#endif
