/* SPDX-License-Identifier: MIT
 *
 * fuzz_probe.c - any bytes as a core file, all the way: its modules, stacks and names through the functions
 * of threadleak_probe.h. For libFuzzer, with ASan and UBSan in our code; libdw is as it is installed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "threadleak_probe.h"

#define PROMISED(condition)                                                                                  \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            abort();                                                                                         \
    } while (0)

enum { DEPTH = 32 };

static void name_frames(struct threadleak_probe *probe, const struct threadleak_probe_stack *stack)
{
    for (uint32_t i = 0; i < stack->count; i++) {
        const struct threadleak_probe_frame *frames;
        uint64_t pc = stack->frames[i] & ~THREADLEAK_PROBE_EXACT;
        unsigned flags = stack->frames[i] & THREADLEAK_PROBE_EXACT ? 0 : THREADLEAK_PROBE_RETURN;
        int count = threadleak_probe_symbolize(probe, pc, flags | THREADLEAK_PROBE_LINES, &frames);
        PROMISED(count > 0);
        for (int k = 0; k < count; k++) {
            PROMISED(!frames[k].function || strlen(frames[k].function) < SIZE_MAX);
            PROMISED(!frames[k].file || strlen(frames[k].file) < SIZE_MAX);
        }
    }
}

static void look_at_all(struct threadleak_probe *probe)
{
    const struct threadleak_probe_info *info = threadleak_probe_info(probe);
    uint32_t count;
    PROMISED(info->kind == THREADLEAK_PROBE_CORE);
    const struct threadleak_probe_module *modules = threadleak_probe_modules(probe);
    for (uint32_t i = 0; modules && i < info->module_count; i++) {
        PROMISED(modules[i].start < modules[i].end);
        PROMISED(strlen(modules[i].build_id) % 2 == 0);
    }
    threadleak_probe_unwind(probe, THREADLEAK_PROBE_ALL, DEPTH);
    const struct threadleak_probe_thread *threads = threadleak_probe_threads(probe);
    const struct threadleak_probe_stack *stacks = threadleak_probe_stacks(probe, &count);
    for (uint32_t i = 0; i < info->thread_count; i++)
        PROMISED(threads[i].stack <= count);
    for (uint32_t i = 0; i < count && i < 8; i++) {
        PROMISED(stacks[i].count <= DEPTH && stacks[i].end <= THREADLEAK_PROBE_GONE);
        name_frames(probe, &stacks[i]);
    }
    threadleak_probe_symbol_at(probe, threads[0].pc);
    threadleak_probe_symbol_at(probe, threads[0].sp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1;
    char path[64];
    if (file < 0)
        file = memfd_create("core", MFD_CLOEXEC);
    PROMISED(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct threadleak_probe *probe = threadleak_probe_open_core(path, NULL);
    if (probe)
        look_at_all(probe);
    else
        PROMISED(*threadleak_probe_error());
    threadleak_probe_close(probe);
    return 0;
}
