/* SPDX-License-Identifier: MIT */
#include "place.h"

#include <string.h>

#include "modules.h"
#include "registry.h"
#include "table.h"

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
        print_frame(log, *(const uint64_t *)(entry + 1));
}
