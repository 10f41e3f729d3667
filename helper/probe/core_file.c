/* SPDX-License-Identifier: MIT */
#include "core_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

static struct core_file *make(const char *name, const void *data, uint64_t size, int descriptor)
{
    struct core_file *file = calloc(1, sizeof *file);
    char *copy = strdup(name);
    uint8_t *blocks = data ? NULL : malloc(CORE_BLOCKS * CORE_BLOCK);
    if (!file || !copy || (!data && !blocks)) {
        probe_error("out of memory");
        free(file);
        free(copy);
        free(blocks);
        return NULL;
    }
    file->name = copy;
    file->size = size;
    file->data = data;
    file->descriptor = descriptor;
    file->blocks = blocks;
    file->ahead = 1;
    return file;
}

/* Not blocking: what is named may be a pipe. */
struct core_file *core_file_open(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        probe_error("%s cannot be opened: %s", path, strerror(errno));
        return NULL;
    }
    struct stat status;
    struct core_file *file = NULL;
    if (fstat(descriptor, &status) != 0)
        probe_error("%s cannot be read: %s", path, strerror(errno));
    else if (!S_ISREG(status.st_mode))
        probe_error("%s is no regular file", path);
    else
        file = make(path, NULL, (uint64_t)status.st_size, descriptor);
    if (!file)
        close(descriptor);
    return file;
}

struct core_file *core_file_memory(const void *data, size_t size)
{
    return make("(memory)", data ? data : "", size, -1);
}

void core_file_close(struct core_file *file)
{
    if (!file)
        return;
    if (file->descriptor >= 0)
        close(file->descriptor);
    free((char *)file->name);
    free(file->blocks);
    free(file);
}

static size_t read_directly(struct core_file *file, uint64_t offset, void *buffer, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(file->descriptor, (char *)buffer + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

/* Reads the block, and more behind it each time that the last ones were read to their end. Blocks whose slots
 * follow each other lie behind each other. */
static void load(struct core_file *file, uint64_t number)
{
    unsigned slot = number % CORE_BLOCKS;
    uint32_t count = number == file->expected ? file->ahead * 2 : 1;
    if (count > CORE_AHEAD)
        count = CORE_AHEAD;
    if (count > CORE_BLOCKS - slot)
        count = CORE_BLOCKS - slot;
    uint8_t *block = file->blocks + (size_t)slot * CORE_BLOCK;
    size_t got = read_directly(file, number * CORE_BLOCK, block, (size_t)count * CORE_BLOCK);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = got < CORE_BLOCK ? (uint32_t)got : CORE_BLOCK;
        file->block_of[slot + i] = number + i + 1;
        file->block_size[slot + i] = size;
        got -= size;
    }
    file->expected = number + count;
    file->ahead = count;
}

/* What the block that `offset` lies in holds from there on. */
static const uint8_t *in_block(struct core_file *file, uint64_t offset, size_t *size)
{
    uint64_t number = offset / CORE_BLOCK;
    unsigned slot = number % CORE_BLOCKS;
    size_t within = offset % CORE_BLOCK;
    if (file->block_of[slot] != number + 1)
        load(file, number);
    *size = file->block_size[slot] > within ? file->block_size[slot] - within : 0;
    return file->blocks + (size_t)slot * CORE_BLOCK + within;
}

size_t core_file_read(struct core_file *file, uint64_t offset, void *buffer, size_t size)
{
    if (offset >= file->size)
        return 0;
    if (size > file->size - offset)
        size = file->size - offset;
    if (file->data) {
        memcpy(buffer, file->data + offset, size);
        return size;
    }
    if (size >= CORE_DIRECT)
        return read_directly(file, offset, buffer, size);
    size_t done = 0;
    while (done < size) {
        size_t available;
        const uint8_t *bytes = in_block(file, offset + done, &available);
        size_t part = available < size - done ? available : size - done;
        if (!part)
            break;
        memcpy((char *)buffer + done, bytes, part);
        done += part;
    }
    return done;
}

bool core_file_get(struct core_file *file, uint64_t offset, void *buffer, size_t size)
{
    size_t got = core_file_read(file, offset, buffer, size);
    memset((char *)buffer + got, 0, size - got);
    return got == size;
}
