/* SPDX-License-Identifier: MIT
 *
 * module_file.h - a module, and the file that stands for it: where it was mapped from, under the folder that
 * the process sees as its root; the file that the kernel still has of a deleted one; the same build in a
 * debug folder or at a debuginfod server. Without any, what memory holds of it: that has unwind rules and
 * exported names too. Never another build: their build-ids are compared, else the first page.
 */
#ifndef THREADLEAK_MODULE_FILE_H
#define THREADLEAK_MODULE_FILE_H

#include <elfutils/libdwfl.h>

#include "elf_file.h"
#include "probe.h"

struct module {
    struct threadleak_probe *probe;
    uint64_t start, end, bias;
    uint64_t header; /* where its ELF header is mapped; `start`, where it lies there */
    uint64_t header_end;
    const char *path;
    Dwfl_Module *dwfl;
    bool is_program, is_system, is_vdso;
    /* Filled by module_load. */
    bool is_loaded;
    bool is_other;   /* a file is there, of another build */
    bool is_deleted; /* `file_path` is the kernel's, and says nothing to people */
    struct elf_file file;
    char *file_path; /* NULL: `file` is empty, or comes from memory */
    uint8_t build_id[BUILD_ID_MAX];
    size_t build_id_size;
};

/* Does nothing the second time. */
void module_load(struct module *module);
void module_unload(struct module *module);

/* What the program of the target is called, NULL: its file is not there. */
const char *module_program_path(const struct module *module);

/* Callbacks of libdwfl, whose user data is the module, which they load. */
int module_find_elf(Dwfl_Module *dwfl, void **user_data, const char *name, Dwarf_Addr base, char **file_name,
                    Elf **elf);
int module_find_debuginfo(Dwfl_Module *dwfl, void **user_data, const char *name, Dwarf_Addr base,
                          const char *file_name, const char *debug_link, GElf_Word checksum,
                          char **debug_file_name);

#endif
