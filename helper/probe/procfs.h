/* SPDX-License-Identifier: MIT
 *
 * procfs.h - the files of /proc/PID and /proc/PID/task/TID, proc(5): read and taken apart. `at` is an open
 * folder: it stays that process's, or that thread's, also when its number is used again.
 */
#ifndef THREADLEAK_PROCFS_H
#define THREADLEAK_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A whole file, with a zero byte after it; the caller frees it. NULL: errno says why. */
char *procfs_read(int at, const char *name, size_t *size);

/* A file of a line or a few into `buffer`, with a zero byte after it. Its length; -1: errno says why. */
ssize_t procfs_read_short(int at, const char *name, char *buffer, size_t size);
/* The same from an open file, from its beginning. */
ssize_t procfs_read_again(int file, char *buffer, size_t size);

/* What follows "NAME:" and blanks in the text of a file such as status; NULL: there is no such line. */
const char *procfs_field(const char *text, const char *name);
/* The number there, or `otherwise`. */
uint64_t procfs_number(const char *text, const char *name, uint64_t otherwise);
/* Of a folder's file status: the number of the process or thread in its own PID namespace; `*is_other` where
 * that is not ours. 0: the kernel does not tell. */
uint32_t procfs_own_id(int at, const char *status_file, bool *is_other);

/* The numbers in the folder /proc/PID/task. The caller frees them. NULL: errno says why. */
uint32_t *procfs_threads(int task, uint32_t *count);

/* A line of maps. */
struct region {
    uint64_t start, end;
    uint64_t offset;  /* in the file */
    const char *name; /* path without " (deleted)", "[heap]", ...; "" if it has none */
    uint8_t readable, writable, executable, is_private;
};

struct regions {
    struct region *list; /* by start */
    size_t count;
    char *text; /* that the names lie in */
};

/* False: errno says why. */
bool procfs_regions(int at, struct regions *regions);
void procfs_regions_free(struct regions *regions);
/* The one that holds `address`, or NULL. */
const struct region *procfs_region_at(const struct regions *regions, uint64_t address);
/* The first that ends behind `address`, or NULL. */
const struct region *procfs_region_from(const struct regions *regions, uint64_t address);
/* Memory of the process's own, that no file lies behind: heap, stacks, what mmap gave. */
bool procfs_is_anonymous(const struct region *region);

#endif
