/* SPDX-License-Identifier: MIT */
#include "place.h"

#include <stdbool.h>
#include <string.h>

#include "capture.h"
#include "modules.h"
#include "registry.h"
#include "table.h"

/* Whether it is the library through which programs in C++ create, join and detach their threads. */
static bool is_cxx_library(const struct threadleak_module *module)
{
    static const char gnu[] = "libstdc++.so", llvm[] = "libc++.so";
    const char *end = module->name + strnlen(module->name, sizeof module->name);
    const char *slash = memrchr(module->name, '/', (size_t)(end - module->name));
    const char *base = slash ? slash + 1 : module->name;
    size_t length = (size_t)(end - base);
    return (length >= sizeof gnu - 1 && memcmp(base, gnu, sizeof gnu - 1) == 0) ||
           (length >= sizeof llvm - 1 && memcmp(base, llvm, sizeof llvm - 1) == 0);
}

static bool is_in_cxx_library(uint64_t frame)
{
    uint16_t index = THREADLEAK_FRAME_MODULE(frame);
    return index && is_cxx_library(table_entry(&threadleak_registry.modules, index));
}

/* The first frame that is not the library's; the first one where all are. */
static uint64_t own_frame(const uint64_t *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (!is_in_cxx_library(frames[i]))
            return frames[i];
    return frames[0];
}

uintptr_t place_of(uintptr_t pc, uintptr_t sp)
{
    const struct capture_start caller = {pc, sp, 0,
                                         0}; /* a rule that needs the frame pointer ends the stack */
    uint64_t frames[2];
    uint32_t flags;
    unsigned count = capture_stack(&caller, frames, 2, &flags);
    return count ? THREADLEAK_FRAME_PC(own_frame(frames, count)) : pc;
}

/* A frame of a site, whose module may be gone. */
static void print_frame(struct log *log, uint64_t frame)
{
    uint64_t pc = THREADLEAK_FRAME_PC(frame);
    uint16_t index = THREADLEAK_FRAME_MODULE(frame);
    log_address(log, pc);
    if (index) {
        const struct threadleak_module *module = table_entry(&threadleak_registry.modules, index);
        char name[sizeof module->name + 1] = "";
        memcpy(name, module->name, sizeof module->name);
        log_text(log, " (");
        log_text(log, name);
        log_text(log, "+");
        log_address(log, pc - module->bias);
        log_text(log, ")");
    }
}

void place_print(struct log *log, uintptr_t pc)
{
    uint16_t module = 0;
    module_of(pc, &module);
    print_frame(log, THREADLEAK_FRAME(pc, module));
}

void place_print_site(struct log *log, uint32_t site)
{
    const struct threadleak_site *entry = table_entry(&threadleak_registry.sites, site);
    if (entry->frame_count)
        print_frame(log, own_frame((const uint64_t *)(entry + 1), entry->frame_count));
}
