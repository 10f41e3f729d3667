/* SPDX-License-Identifier: MIT */
#include "module_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "growing_sections.h"

#define PAGE 4096
#define FROM_MEMORY_MAX (UINT64_C(256) << 20)

/* From the source alone: probe_read would ask for the file of the module, which is what is looked for here.
 */
static size_t read_memory(const struct module *module, uint64_t address, void *buffer, size_t size)
{
    struct source *source = module->probe->source;
    size_t done = 0, got;
    while (done < size &&
           (got = source->operations->read(source, address + done, (uint8_t *)buffer + done, size - done)))
        done += got;
    return done;
}

static void find_mapped_build_id(struct module *module, const uint8_t *page, size_t size)
{
    Elf64_Phdr segment;
    uint8_t notes[PAGE];
    if (!elf_is_header(page, size))
        return;
    for (unsigned i = 0; !module->build_id_size && elf_program_header(page, size, i, &segment); i++) {
        if (segment.p_type != PT_NOTE || segment.p_filesz > sizeof notes)
            continue;
        size_t got = read_memory(module, module->bias + segment.p_vaddr, notes, segment.p_filesz);
        module->build_id_size = elf_build_id_of_notes(notes, got, module->build_id);
    }
}

/* ---- from a file --------------------------------------------------------------------------------- */

struct mapped {
    const uint8_t *page; /* the first page, as it is mapped; */
    size_t size;         /* 0: memory does not tell */
};

static bool is_same_build(const struct module *module, const struct mapped *mapped,
                          const struct elf_file *file)
{
    const Elf64_Ehdr *header = (const void *)file->bytes;
    if (header->e_machine != module->probe->source->arch->machine)
        return false;
    if (module->build_id_size) {
        uint8_t build_id[BUILD_ID_MAX];
        return elf_build_id(file, build_id) == module->build_id_size &&
               !memcmp(build_id, module->build_id, module->build_id_size);
    }
    /* It holds sizes and places of all that is in the file. Where not even that is known, the path is
     * believed. */
    size_t size = mapped->size < file->size ? mapped->size : file->size;
    return !memcmp(file->bytes, mapped->page, size);
}

static bool try_file(struct module *module, const struct mapped *mapped, const char *path)
{
    struct elf_file file;
    if (module->file.bytes || !elf_file_open(path, &file))
        return false;
    if (!is_same_build(module, mapped, &file) || !(module->file_path = strdup(path))) {
        elf_file_close(&file);
        module->is_other = true;
        return false;
    }
    module->file = file;
    module->is_other = false;
    return true;
}

/* Where it was mapped from, as the process sees the file system. If that is what we see, then by its plain
 * name: that outlives the process, and debug folders go by it. */
static void try_path(struct module *module, const struct mapped *mapped)
{
    char path[4352];
    struct stat theirs, ours;
    int length = snprintf(path, sizeof path, "%s%s", module->probe->source->root, module->path);
    if (length < 0 || (size_t)length >= sizeof path)
        return;
    bool is_ours =
        !*module->probe->source->root || (!stat(path, &theirs) && !stat(module->path, &ours) &&
                                          theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino);
    try_file(module, mapped, is_ours ? module->path : path);
}

/* The kernel keeps a deleted file as long as it is mapped, proc(5): map_files asks for a capability, exe for
 * no more than the rest. */
static bool try_deleted_file(struct module *module, const struct mapped *mapped)
{
    const char *root = module->probe->source->root;
    int process = (int)strlen(root) - (int)strlen("/root");
    char path[128];
    if (process <= 0)
        return false;
    snprintf(path, sizeof path, "%.*s/map_files/%llx-%llx", process, root, (unsigned long long)module->header,
             (unsigned long long)module->header_end);
    if (try_file(module, mapped, path))
        return true;
    snprintf(path, sizeof path, "%.*s/exe", process, root);
    return module->is_program && try_file(module, mapped, path);
}

/* In debug folders and, where that is configured, from a debuginfod server. */
static bool try_build_id(struct module *module, const struct mapped *mapped)
{
    char *name = NULL, by_handle[64];
    Elf *elf = NULL;
    if (!module->build_id_size)
        return false;
    dwfl_module_report_build_id(module->dwfl, module->build_id, module->build_id_size, 0);
    int handle = dwfl_build_id_find_elf(module->dwfl, NULL, module->path, module->start, &name, &elf);
    if (elf)
        elf_end(elf);
    if (handle < 0) {
        free(name);
        return false;
    }
    snprintf(by_handle, sizeof by_handle, "/proc/self/fd/%d", handle);
    char *path = realpath(by_handle, NULL);
    bool is_found = path && try_file(module, mapped, path);
    free(path);
    free(name);
    close(handle);
    return is_found;
}

/* ---- from memory --------------------------------------------------------------------------------- */

/* Without section headers: these are in no segment. */
static void take_from_memory(struct module *module, const struct mapped *mapped)
{
    Elf64_Phdr segment;
    uint64_t size = 0;
    if (!elf_is_header(mapped->page, mapped->size))
        return;
    for (unsigned i = 0; elf_program_header(mapped->page, mapped->size, i, &segment); i++) {
        if (segment.p_type != PT_LOAD)
            continue;
        if (segment.p_offset > FROM_MEMORY_MAX || segment.p_filesz > FROM_MEMORY_MAX)
            return;
        if (segment.p_offset + segment.p_filesz > size)
            size = segment.p_offset + segment.p_filesz;
    }
    uint8_t *bytes = size < sizeof(Elf64_Ehdr) ? NULL : calloc(1, size);
    if (!bytes)
        return;
    for (unsigned i = 0; elf_program_header(mapped->page, mapped->size, i, &segment); i++) {
        if (segment.p_type != PT_LOAD)
            continue;
        size_t got =
            read_memory(module, module->bias + segment.p_vaddr, bytes + segment.p_offset, segment.p_filesz);
        if (got < segment.p_filesz && !(segment.p_flags & PF_W)) {
            free(bytes);
            return;
        }
    }
    Elf64_Ehdr *header = (Elf64_Ehdr *)bytes;
    header->e_shoff = 0;
    header->e_shnum = header->e_shstrndx = 0;
    module->file = (struct elf_file){.bytes = bytes, .size = size, .relocated = module->bias};
    if (!elf_is_header(bytes, size))
        elf_file_close(&module->file);
}

/* ---- all of it ----------------------------------------------------------------------------------- */

void module_load(struct module *module)
{
    if (module->is_loaded)
        return;
    module->is_loaded = true;
    _Alignas(Elf64_Ehdr) uint8_t page[PAGE];
    struct mapped mapped = {page, read_memory(module, module->header, page, sizeof page)};
    find_mapped_build_id(module, page, mapped.size);
    if (!module->is_vdso) {
        if (module->is_program && module->probe->program)
            try_file(module, &mapped, module->probe->program);
        try_path(module, &mapped);
        if (!module->file.bytes) {
            module->is_deleted = try_deleted_file(module, &mapped);
            if (!module->is_deleted)
                try_build_id(module, &mapped);
        }
    }
    if (!module->file.bytes)
        take_from_memory(module, &mapped);
    if (module->file.bytes && !module->build_id_size)
        module->build_id_size = elf_build_id(&module->file, module->build_id);
}

void module_unload(struct module *module)
{
    elf_file_close(&module->file);
    free(module->file_path);
    module->file_path = NULL;
}

const char *module_program_path(const struct module *module)
{
    return module->is_deleted ? module->path : module->file_path;
}

/* libdwfl gets an Elf of its own on the same bytes, which it ends itself. */
int module_find_elf(Dwfl_Module *dwfl, void **user_data, const char *name, Dwarf_Addr base, char **file_name,
                    Elf **elf)
{
    (void)dwfl, (void)name, (void)base;
    struct module *module = *user_data;
    module_load(module);
    uint8_t *bytes = (uint8_t *)module->file.bytes;
    if (bytes && growing_sections_empty(bytes, module->file.size)) {
        *elf = elf_memory((char *)bytes, module->file.size);
        *file_name = module->file_path ? strdup(module->file_path) : NULL;
    }
    return -1;
}

static int open_debug_file(const struct module *module, char **name)
{
    char path[64 + 2 * BUILD_ID_MAX] = "/usr/lib/debug/.build-id/";
    size_t length = strlen(path);
    for (size_t i = 0; i < module->build_id_size; i++)
        length +=
            (size_t)snprintf(path + length, sizeof path - length, i ? "%02x" : "%02x/", module->build_id[i]);
    snprintf(path + length, sizeof path - length, ".debug");
    int handle = module->build_id_size ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (handle >= 0)
        *name = strdup(path);
    return handle;
}

/* By build-id alone for system libraries: a debuginfod server is not asked for them, as hundreds of megabytes
 * would be waited for. The same where there is no server and no .gnu_debuglink: to find nothing, libdwfl
 * loads libdebuginfod and all that this needs, which takes 20 ms. */
int module_find_debuginfo(Dwfl_Module *dwfl, void **user_data, const char *name, Dwarf_Addr base,
                          const char *file_name, const char *debug_link, GElf_Word checksum,
                          char **debug_file_name)
{
    const struct module *module = *user_data;
    const char *servers = getenv("DEBUGINFOD_URLS");
    int handle = open_debug_file(module, debug_file_name);
    if (handle >= 0 || module->is_system || (!debug_link && (!servers || !*servers)))
        return handle;
    return dwfl_standard_find_debuginfo(dwfl, user_data, name, base, file_name, debug_link, checksum,
                                        debug_file_name);
}
