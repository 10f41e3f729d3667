/* SPDX-License-Identifier: MIT
 *
 * fuzz_variables.c - any bytes as an ELF file with debug information: its variables, and the ways to their
 * parts. For libFuzzer, with ASan and UBSan in our code; libdw is as it is installed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "variables.h"

#define PROMISED(condition)                                                                                  \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            abort();                                                                                         \
    } while (0)

static void name_parts(struct variables *variables, const struct variable *variable)
{
    char path[VARIABLE_PATH_MAX];
    uint64_t size = variable->end - variable->start;
    uint64_t inside[] = {0, size / 2, size - 1};
    const char *name = variable_name(variable), *linkage_name = variable_linkage_name(variable);
    PROMISED(!name || strlen(name) < SIZE_MAX);
    PROMISED(!linkage_name || strlen(linkage_name) < SIZE_MAX);
    for (unsigned i = 0; i < 3; i++) {
        variable_path(variables, variable, variable->start + inside[i], path);
        PROMISED(memchr(path, 0, sizeof path));
    }
}

static void look_at_all(Dwfl_Module *module)
{
    struct variables variables = {0};
    PROMISED(!variables_find(&variables, module, UINT64_MAX));
    for (uint32_t i = 0; i < variables.count && i < 64; i++) {
        const struct variable *variable = &variables.list[i];
        PROMISED(variable->start < variable->end);
        PROMISED(!i || variable[-1].start < variable->start);
        PROMISED(variables_find(&variables, module, variable->start) == variable);
        name_parts(&variables, variable);
    }
    variables_free(&variables);
}

static int find_no_other(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
                         const char *file, const char *link, GElf_Word checksum, char **found)
{
    (void)module, (void)data, (void)name, (void)base, (void)file, (void)link, (void)checksum, (void)found;
    return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const Dwfl_Callbacks callbacks = {.find_debuginfo = find_no_other,
                                             .section_address = dwfl_offline_section_address};
    static int file = -1;
    char path[64];
    if (file < 0)
        file = memfd_create("elf", MFD_CLOEXEC);
    PROMISED(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    Dwfl *dwfl = dwfl_begin(&callbacks);
    Dwfl_Module *module = dwfl ? dwfl_report_offline(dwfl, "", path, -1) : NULL;
    if (module)
        look_at_all(module);
    dwfl_end(dwfl);
    return 0;
}
