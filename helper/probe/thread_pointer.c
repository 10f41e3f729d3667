/* SPDX-License-Identifier: MIT */
#include "thread_pointer.h"

/* Larger ones are none: 1,856 bytes in glibc 2.36. */
#define DESCRIPTOR_MAX 65536

static uint32_t descriptor_size(struct threadleak_probe *probe)
{
    uint64_t address;
    uint32_t size = 0;
    if (threadleak_probe_find_symbol(probe, "_thread_db_sizeof_pthread", &address, 1) != 1 ||
        probe_read(probe, address, &size, sizeof size) != sizeof size || size > DESCRIPTOR_MAX)
        return 0;
    return size;
}

void thread_pointers_to_pthreads(struct threadleak_probe *probe)
{
    struct source *source = probe->source;
    if (!source->arch->descriptor_in_front)
        return;
    uint32_t size = descriptor_size(probe);
    for (uint32_t i = 0; i < source->info.thread_count; i++) {
        uint64_t *pthread = &source->threads[i].pthread;
        *pthread = size && *pthread > size ? *pthread - size : 0;
    }
}
