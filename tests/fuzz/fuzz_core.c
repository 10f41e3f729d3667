/* SPDX-License-Identifier: MIT
 *
 * fuzz_core.c - any bytes as a core file: what is read of it keeps to what source.h promises. For libFuzzer,
 * with ASan and UBSan, which see the rest.
 */
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "source.h"

#define PROMISED(condition)                                                                                  \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            abort();                                                                                         \
    } while (0)

static void read_from(struct source *source, uint64_t address)
{
    uint8_t whole[600], part[5];
    size_t got = source->operations->read(source, address, whole, sizeof whole);
    PROMISED(got <= sizeof whole);
    /* In pieces, from the last to the first, it is the same. */
    for (size_t end = got; end > 0;) {
        size_t size = end < sizeof part ? end : sizeof part;
        end -= size;
        PROMISED(source->operations->read(source, address + end, part, size) == size);
        PROMISED(memcmp(part, whole + end, size) == 0);
    }
    if (got < sizeof whole)
        PROMISED(source->operations->read(source, address + got, part, 1) == 0);
}

static void read_around(struct source *source, uint64_t address)
{
    read_from(source, address);
    read_from(source, address - 16);
}

static void check_thread(struct source *source, uint32_t index)
{
    struct threadleak_probe_thread *thread = &source->threads[index];
    struct registers registers;
    PROMISED(thread->state == THREADLEAK_PROBE_ALIVE && thread->syscall == -1);
    PROMISED(source->operations->look(source, index, &registers));
    PROMISED(thread->state <= THREADLEAK_PROBE_BLOCKED);
    PROMISED(thread->syscall == -1 || thread->state == THREADLEAK_PROBE_BLOCKED);
    const char *name = source->operations->thread_name(source, index);
    PROMISED(!name || (*name && strlen(name) < 16));
    read_around(source, thread->sp);
    read_around(source, thread->pc);
}

static void check_mappings(struct source *source)
{
    for (size_t i = 0; i < source->mapping_count; i++) {
        const struct mapping *mapping = &source->mappings[i];
        PROMISED(mapping->start < mapping->end);
        PROMISED(i == 0 || mapping[-1].end <= mapping->start);
        PROMISED(strlen(mapping->path) < SIZE_MAX);
        if (i < 8)
            read_around(source, mapping->start);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct source *source = core_open_memory(data, size);
    if (!source) {
        PROMISED(*threadleak_probe_error());
        return 0;
    }
    PROMISED(source->info.thread_count > 0);
    PROMISED(!source->info.command || strlen(source->info.command) <= 16);
    for (uint32_t i = 0; i < source->info.thread_count && i < 64; i++)
        check_thread(source, i);
    check_mappings(source);
    read_around(source, source->vdso);
    read_around(source, source->program);
    read_around(source, 0);
    source->operations->close(source);
    return 0;
}
