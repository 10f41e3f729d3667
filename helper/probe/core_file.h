/* SPDX-License-Identifier: MIT
 *
 * core_file.h - the bytes of a core file by offset. Read, not mapped: a mapped file that somebody cuts short
 * raises SIGBUS in whoever looks at it, which may be a GDB with somebody's work in it. Small reads go through
 * blocks that are kept, so that the words of a stack cost one system call together, and reading on from block
 * to block reads ahead.
 */
#ifndef THREADLEAK_CORE_FILE_H
#define THREADLEAK_CORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CORE_BLOCK = 4096, CORE_BLOCKS = 64, CORE_AHEAD = 16 };

/* Reads of so many bytes go past the blocks: of ten thousand descriptors of threads, each in a block of its
 * own, that halves the time, which goes into copying what no cache holds. */
enum { CORE_DIRECT = 1024 };

struct core_file {
    const char *name;    /* for error messages */
    uint64_t size;       /* when it was opened */
    const uint8_t *data; /* of core_file_memory; else NULL */
    int descriptor;
    uint64_t block_of[CORE_BLOCKS]; /* number of the block that is there, plus 1; 0: none */
    uint32_t block_size[CORE_BLOCKS];
    uint8_t *blocks;
    uint64_t expected; /* number of the block behind those that were read last */
    uint32_t ahead;    /* how many were */
};

/* NULL with an error set. `data` stays the caller's. */
struct core_file *core_file_open(const char *path);
struct core_file *core_file_memory(const void *data, size_t size);
void core_file_close(struct core_file *file);

/* Up to `size` bytes; fewer where the file ends. */
size_t core_file_read(struct core_file *file, uint64_t offset, void *buffer, size_t size);

/* All of them; where the file ends before, false, and what is not there is zero. */
bool core_file_get(struct core_file *file, uint64_t offset, void *buffer, size_t size);

#endif
