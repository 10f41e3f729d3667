/* SPDX-License-Identifier: MIT */
#include "modules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "gone.h"
#include "module_file.h"

#define PAGE UINT64_C(4096)
#define MODULES_MAX 10000 /* libdwfl keeps a list of them that it searches */

struct modules {
    struct threadleak_probe *probe;
    struct module *list; /* by address; they do not overlap */
    uint32_t count, room;
    uint32_t last; /* where modules_at found something */
    Dwfl *dwfl;
    Dwfl_Callbacks callbacks;
    struct threadleak_probe_module *public_list;
    char (*build_ids)[2 * BUILD_ID_MAX + 1];
};

/* ---- which there are ----------------------------------------------------------------------------- */

/* Of program headers, in virtual addresses of the file. */
struct extent {
    uint64_t first, end; /* of all segments; `first` as libdwfl counts it */
    uint64_t header;     /* of the file's first byte */
    uint64_t code, code_offset;
    bool has_code;
    uint64_t written; /* the last part that is; 0: there is none */
};

static bool read_extent(const uint8_t *page, size_t size, struct extent *extent)
{
    Elf64_Phdr segment;
    bool has_header = false;
    memset(extent, 0, sizeof *extent);
    for (unsigned i = 0; elf_program_header(page, size, i, &segment); i++) {
        if (segment.p_type != PT_LOAD)
            continue;
        if (segment.p_vaddr > UINT64_MAX / 4 || segment.p_memsz > UINT64_MAX / 4 ||
            segment.p_offset > segment.p_vaddr + UINT64_MAX / 4)
            return false;
        uint64_t align = segment.p_align && !(segment.p_align & (segment.p_align - 1)) ? segment.p_align : 1;
        if (!extent->end)
            extent->first = segment.p_vaddr & -align; /* open_elf in libdwfl/dwfl_module_getdwarf.c */
        if (segment.p_vaddr + segment.p_memsz > extent->end)
            extent->end = segment.p_vaddr + segment.p_memsz;
        if (segment.p_offset < PAGE && !has_header) {
            extent->header = segment.p_vaddr - segment.p_offset;
            has_header = true;
        }
        if ((segment.p_flags & PF_X) && !extent->has_code) {
            extent->code = segment.p_vaddr;
            extent->code_offset = segment.p_offset;
            extent->has_code = true;
        } else if (segment.p_flags & PF_W) {
            extent->written = segment.p_vaddr;
        }
    }
    return has_header && extent->end > extent->first;
}

/* A file may be read through a mapping too, as data: then its code is not where the loader would put it, or
 * what is written lies in one mapping with it. */
static bool is_data(const struct source *source, size_t first, const struct extent *extent, uint64_t bias)
{
    uint64_t code = extent->code + bias;
    size_t low = first, high = source->mapping_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (source->mappings[middle].end <= code)
            low = middle + 1;
        else
            high = middle;
    }
    if (!extent->has_code || low == source->mapping_count || source->mappings[low].start > code)
        return false;
    const struct mapping *mapping = &source->mappings[low];
    uint64_t written = extent->written + bias;
    return strcmp(mapping->path, source->mappings[first].path) ||
           code - mapping->start + mapping->offset != extent->code_offset ||
           (extent->written && mapping->start <= written && written < mapping->end);
}

static bool is_system_path(const char *path)
{
    static const char *const folders[] = {"/lib/",     "/lib32/",     "/lib64/",     "/libx32/",
                                          "/usr/lib/", "/usr/lib32/", "/usr/lib64/", "/usr/libx32/"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (!strncmp(path, folders[i], strlen(folders[i])))
            return true;
    return false;
}

/* A core may say so; nothing can be mapped there twice. */
static bool is_taken(const struct modules *modules, uint64_t start)
{
    return modules->count && modules->list[modules->count - 1].end > start;
}

static bool add(struct modules *modules, const struct module *module)
{
    if (is_taken(modules, module->start))
        return true;
    if (modules->count == modules->room) {
        uint32_t room = modules->room ? modules->room * 2 : 32;
        struct module *list = realloc(modules->list, room * sizeof *list);
        if (!list)
            return false;
        modules->list = list;
        modules->room = room;
    }
    modules->list[modules->count++] = *module;
    return true;
}

/* The first bytes of what is mapped at `first`: of memory, or, where that lacks them, of the file, if more
 * than one part of that is mapped. */
static size_t read_header(struct modules *modules, size_t first, uint8_t *page)
{
    struct source *source = modules->probe->source;
    const struct mapping *mapping = &source->mappings[first];
    size_t size = source->operations->read(source, mapping->start, page, PAGE);
    if (size)
        return elf_is_header(page, size) ? size : 0;
    if (source->info.kind != THREADLEAK_PROBE_CORE || first + 1 == source->mapping_count ||
        strcmp(mapping->path, mapping[1].path))
        return 0;
    struct elf_file file;
    if (!elf_file_open(mapping->path, &file))
        return 0;
    size = file.size < PAGE ? file.size : PAGE;
    memcpy(page, file.bytes, size);
    elf_file_close(&file);
    return size;
}

/* `first`: the mapping of the beginning of a file. */
static bool add_file(struct modules *modules, size_t first)
{
    struct source *source = modules->probe->source;
    const struct mapping *mapping = &source->mappings[first];
    _Alignas(Elf64_Ehdr) uint8_t page[PAGE];
    struct extent extent;
    size_t size = read_header(modules, first, page);
    if (!size || !read_extent(page, size, &extent))
        return true;
    uint64_t bias = mapping->start - extent.header;
    if (is_data(source, first, &extent, bias) || is_taken(modules, extent.first + bias))
        return true;
    struct module module = {
        .probe = modules->probe,
        .start = extent.first + bias,
        .end = (extent.end + bias + PAGE - 1) & -PAGE,
        .bias = bias,
        .header = mapping->start,
        .header_end = mapping->end,
        .path = mapping->path,
        .is_system = is_system_path(mapping->path),
    };
    for (size_t i = first + 1; i < source->mapping_count && source->mappings[i].start < module.end; i++)
        if (strcmp(source->mappings[i].path, mapping->path))
            module.end = source->mappings[i].start;
    module.is_program = source->program >= module.start && source->program < module.end;
    return module.start >= module.end || add(modules, &module);
}

static bool add_vdso(struct modules *modules)
{
    struct source *source = modules->probe->source;
    _Alignas(Elf64_Ehdr) uint8_t page[PAGE];
    struct extent extent;
    size_t size = source->operations->read(source, source->vdso, page, sizeof page);
    if (!elf_is_header(page, size) || !read_extent(page, size, &extent))
        return true;
    uint64_t bias = source->vdso - extent.header;
    struct module module = {
        .probe = modules->probe,
        .start = source->vdso,
        .end = (extent.end + bias + PAGE - 1) & -PAGE,
        .bias = bias,
        .header = source->vdso,
        .header_end = source->vdso + PAGE,
        .path = "[vdso]",
        .is_system = true,
        .is_vdso = true,
    };
    return module.start >= module.end || add(modules, &module);
}

static bool find_modules(struct modules *modules)
{
    struct source *source = modules->probe->source;
    bool has_vdso = false;
    for (size_t i = 0; i < source->mapping_count && modules->count < MODULES_MAX; i++) {
        const struct mapping *mapping = &source->mappings[i];
        if (!has_vdso && source->vdso && mapping->start > source->vdso) {
            has_vdso = true;
            if (!add_vdso(modules))
                return false;
        }
        bool is_known = modules->count && mapping->start < modules->list[modules->count - 1].end;
        if (!mapping->offset && !is_known && !add_file(modules, i))
            return false;
    }
    return has_vdso || !source->vdso || add_vdso(modules);
}

static bool report_modules(struct modules *modules)
{
    modules->callbacks.find_elf = module_find_elf;
    modules->callbacks.find_debuginfo = module_find_debuginfo;
    modules->dwfl = dwfl_begin(&modules->callbacks);
    if (!modules->dwfl)
        return false;
    dwfl_report_begin(modules->dwfl);
    for (uint32_t i = 0; i < modules->count; i++) {
        struct module *module = &modules->list[i];
        void **user_data;
        module->dwfl = dwfl_report_module(modules->dwfl, module->path, module->start, module->end);
        if (!module->dwfl)
            return false;
        dwfl_module_info(module->dwfl, &user_data, NULL, NULL, NULL, NULL, NULL, NULL);
        *user_data = module;
    }
    return !dwfl_report_end(modules->dwfl, NULL, NULL);
}

/* `only`: what there is; NULL: what the source has mapped. */
static struct modules *make_modules(struct threadleak_probe *probe, const struct module *only)
{
    struct modules *modules = calloc(1, sizeof *modules);
    if (modules) {
        elf_version(EV_CURRENT);
        modules->probe = probe;
        if ((only ? add(modules, only) : find_modules(modules)) && report_modules(modules))
            return probe->modules = modules;
        modules_free(modules);
    }
    probe_error("out of memory");
    return NULL;
}

struct modules *modules_of(struct threadleak_probe *probe)
{
    return probe->modules ? probe->modules : make_modules(probe, NULL);
}

static size_t parse_build_id(const char *text, uint8_t *build_id)
{
    size_t size = 0;
    int length;
    for (; size < BUILD_ID_MAX && sscanf(text, "%2hhx%n", &build_id[size], &length) == 1; text += length)
        size++;
    return *text ? 0 : size;
}

struct modules *modules_of_gone(struct threadleak_probe *probe, const struct threadleak_probe_module *module)
{
    struct module gone = {
        .probe = probe,
        .start = module->start,
        .end = module->end,
        .bias = module->bias,
        .path = gone_path(probe->source),
        .is_system = is_system_path(module->path),
    };
    gone.build_id_size = parse_build_id(module->build_id, gone.build_id);
    if (!gone.build_id_size || gone.start >= gone.end) {
        probe_error("%s cannot be told from another build", module->path);
        return NULL;
    }
    struct modules *modules = make_modules(probe, &gone);
    if (!modules)
        return NULL;
    const struct elf_file *file = &modules_get(modules, 0)->file;
    struct extent extent;
    if (!file->bytes || !read_extent(file->bytes, file->size < PAGE ? file->size : PAGE, &extent) ||
        extent.first + gone.bias != gone.start) {
        probe_error("the file that was %s is not there", module->path);
        return NULL;
    }
    return modules;
}

void modules_free(struct modules *modules)
{
    if (!modules)
        return;
    if (modules->dwfl)
        dwfl_end(modules->dwfl);
    for (uint32_t i = 0; i < modules->count; i++)
        module_unload(&modules->list[i]);
    free(modules->list);
    free(modules->public_list);
    free(modules->build_ids);
    free(modules);
}

/* ---- asking for them ----------------------------------------------------------------------------- */

uint32_t modules_count(const struct modules *modules)
{
    return modules->count;
}

struct module *modules_get(struct modules *modules, uint32_t index)
{
    module_load(&modules->list[index]);
    return &modules->list[index];
}

const char *modules_program(struct modules *modules)
{
    for (uint32_t i = 0; i < modules->count; i++)
        if (modules->list[i].is_program)
            return module_program_path(modules_get(modules, i));
    return NULL;
}

struct module *modules_at(struct modules *modules, uint64_t address)
{
    uint32_t low = 0, high = modules->count;
    if (modules->last < high && modules->list[modules->last].start <= address &&
        address < modules->list[modules->last].end)
        return modules_get(modules, modules->last);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (modules->list[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == modules->count || address < modules->list[low].start)
        return NULL;
    modules->last = low;
    return modules_get(modules, low);
}

Dwfl *modules_dwfl(struct modules *modules)
{
    return modules->dwfl;
}

/* Only what the program cannot have changed: a core that lacks writable memory does not tell it. */
size_t modules_read(struct threadleak_probe *probe, uint64_t address, void *buffer, size_t size)
{
    struct modules *modules = probe->source->info.kind == THREADLEAK_PROBE_CORE ? modules_of(probe) : NULL;
    const struct module *module = modules ? modules_at(modules, address) : NULL;
    Elf64_Phdr segment;
    if (!module || !module->file_path)
        return 0;
    const struct elf_file *file = &module->file;
    for (unsigned i = 0; elf_program_header(file->bytes, file->size, i, &segment); i++) {
        /* whole pages are mapped */
        uint64_t start = module->bias + (segment.p_vaddr & -PAGE);
        uint64_t offset = segment.p_offset & -PAGE;
        uint64_t length = segment.p_filesz + (segment.p_vaddr & (PAGE - 1));
        if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) || address < start ||
            address - start >= length || offset > file->size || address - start >= file->size - offset)
            continue;
        uint64_t inside = address - start, rest = length - inside;
        if (rest > file->size - offset - inside)
            rest = file->size - offset - inside;
        if (rest > size)
            rest = size;
        memcpy(buffer, file->bytes + offset + inside, rest);
        return elf_file_is_whole(file) ? rest : 0;
    }
    return 0;
}

static void make_public(const struct module *module, struct threadleak_probe_module *public, char *build_id)
{
    for (size_t i = 0; i < module->build_id_size; i++)
        snprintf(build_id + 2 * i, 3, "%02x", module->build_id[i]);
    bool is_whole = elf_file_is_whole(&module->file);
    *public = (struct threadleak_probe_module){
        .start = module->header,
        .end = module->end,
        .bias = module->bias,
        .path = module->path,
        .file = is_whole ? module->file_path : NULL,
        .build_id = build_id,
        .is_system = module->is_system,
        .is_other = module->is_other || (module->file.bytes && !is_whole),
    };
}

const struct threadleak_probe_module *threadleak_probe_modules(struct threadleak_probe *probe)
{
    struct modules *modules = modules_of(probe);
    if (!modules || modules->public_list)
        return modules ? modules->public_list : NULL;
    modules->public_list = calloc(modules->count + 1, sizeof *modules->public_list);
    modules->build_ids = calloc(modules->count + 1, sizeof *modules->build_ids);
    if (!modules->public_list || !modules->build_ids) {
        free(modules->public_list);
        free(modules->build_ids);
        modules->public_list = NULL;
        modules->build_ids = NULL;
        probe_error("out of memory");
        return NULL;
    }
    for (uint32_t i = 0; i < modules->count; i++)
        make_public(modules_get(modules, i), &modules->public_list[i], modules->build_ids[i]);
    return modules->public_list;
}
