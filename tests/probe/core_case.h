/* SPDX-License-Identifier: MIT
 *
 * core_case.h - for tests of cores whose bytes are made by core_image.h: each is read from memory and from a
 * file.
 */
#ifndef CORE_CASE_H
#define CORE_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch.h"
#include "core_image.h"
#include "source.h"

static struct core_image image;
static struct registers registers;

/* From a file, whose size may be more or less than the image's. */
static inline struct source *open_as_file(size_t size)
{
    char path[64];
    int descriptor = memfd_create("core", 0);
    size_t part = size < image.size ? size : image.size;
    assert_int_equal(write(descriptor, image.bytes, part), part);
    assert_int_equal(ftruncate(descriptor, (off_t)size), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    struct source *source = core_open(path);
    close(descriptor);
    return source;
}

static inline struct source *open_whole(void)
{
    struct source *of_memory = core_open_memory(image.bytes, image.size);
    struct source *of_file = open_as_file(image.size);
    assert_int_equal(!of_memory, !of_file);
    if (of_memory) {
        assert_int_equal(of_memory->info.thread_count, of_file->info.thread_count);
        assert_int_equal(of_memory->info.missing, of_file->info.missing);
        of_memory->operations->close(of_memory);
    }
    return of_file;
}

static inline void close_source(struct source *source)
{
    source->operations->close(source);
}

static inline void refused(const char *reason)
{
    struct source *source = open_whole();
    assert_null(source);
    if (!strstr(threadleak_probe_error(), reason))
        fail_msg("expected \"%s\" in: %s", reason, threadleak_probe_error());
}

static inline size_t read_at(struct source *source, uint64_t address, void *buffer, size_t size)
{
    return source->operations->read(source, address, buffer, size);
}

static inline size_t snapshot(uint32_t first_tid)
{
    size_t at = image_snapshot(&image, first_tid);
    image_memory(&image);
    image_end(&image);
    return at;
}

#endif
