/* SPDX-License-Identifier: MIT
 *
 * output.h - files that hold what a process had in its memory, written by root in folders where others may
 * write: each is new (O_EXCL), never behind a link (O_NOFOLLOW), 0600, and belongs to whoever the kernel lets
 * look at the process.
 */
#ifndef THREADLEAK_OUTPUT_H
#define THREADLEAK_OUTPUT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process {
    int pid;
    int folder; /* open /proc/PID; -1: it is gone */
    uid_t uid;  /* of that folder: root's where the process must not be looked at (suid_dumpable) */
    gid_t gid;
    char name[16]; /* letters, digits, - and _; everything else became _ */
};

/* What is known of it; of one that is gone its number. */
struct process output_process(int pid);

/* Expands %p pid, %e name, %t time, %u uid, %h host, %% in `pattern`. false: it is too long, or no absolute
 * path. */
bool output_path(const char *pattern, const struct process *process, char path[PATH_MAX]);

/* Makes the file. Where `numbered`, and there is one already, .1 to .99 is put behind `path`. -1: errno says
 * why. */
int output_create(char path[PATH_MAX], const struct process *process, bool numbered);

/* Soft limit on core files, of the process; ~0ULL: none. */
unsigned long long output_limit(const struct process *process);

/* Copies `from` until its end, at most `limit` bytes, pages of zeros as holes. false: errno says why it is
 * not whole. */
bool output_core(int from, int to, unsigned long long limit);

bool output_write(int file, const char *data, size_t size);

/* To stderr, or from the kernel's call to the kernel's log: a sentence. */
__attribute__((format(printf, 1, 2))) void output_complain(const char *format, ...);

/* That its limit forbids a core: to people alone, since in the kernel's log it would be one line for each
 * process that dies so. */
void output_tell_no_core(const struct process *process);

#endif
