/* SPDX-License-Identifier: MIT */
#include "symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "demangle.h"
#include "error.h"
#include "local_names.h"
#include "modules.h"
#include "scopes.h"
#include "symbol_table.h"
#include "variables.h"

/* What was read of a module; each part when it is first needed. */
struct module_symbols {
    struct symbol_table table;
    struct local_names local;
    struct units units;
    struct variables variables;
    bool has_table, has_local;
};

struct answer {
    uint64_t pc;
    unsigned flags;
    uint32_t count; /* 0: no answer is kept here */
    const struct threadleak_probe_frame *frames;
};

struct symbols {
    struct modules *modules;
    struct module_symbols *list; /* as the modules are numbered */
    struct arena arena;
    struct demangler demangler;
    struct answer *answers; /* a hash table; room is a power of two */
    uint32_t count, room;
};

static struct symbols *symbols_of(struct threadleak_probe *probe)
{
    struct modules *modules = modules_of(probe);
    if (!modules || probe->symbols)
        return probe->symbols;
    struct symbols *symbols = calloc(1, sizeof *symbols);
    struct module_symbols *list = calloc(modules_count(modules) + 1, sizeof *list);
    struct answer *answers = calloc(1024, sizeof *answers);
    if (!symbols || !list || !answers) {
        free(symbols);
        free(list);
        free(answers);
        probe_error("out of memory");
        return NULL;
    }
    *symbols = (struct symbols){.modules = modules, .list = list, .answers = answers, .room = 1024};
    probe->symbols = symbols;
    return symbols;
}

void symbols_free(struct symbols *symbols)
{
    if (!symbols)
        return;
    for (uint32_t i = 0; i < modules_count(symbols->modules); i++) {
        symbol_table_free(&symbols->list[i].table);
        local_names_free(&symbols->list[i].local);
        units_free(&symbols->list[i].units);
        variables_free(&symbols->list[i].variables);
    }
    demangler_end(&symbols->demangler);
    arena_free(&symbols->arena);
    free(symbols->list);
    free(symbols->answers);
    free(symbols);
}

/* ---- names --------------------------------------------------------------------------------------- */

static const char *keep(struct symbols *symbols, const char *text, size_t length, const char *suffix)
{
    size_t rest = strlen(suffix) + 1;
    char *copy = arena_take(&symbols->arena, length + rest);
    if (copy) {
        memcpy(copy, text, length);
        memcpy(copy + length, suffix, rest);
    }
    return copy;
}

static const char *readable(struct symbols *symbols, const char *name)
{
    char *demangled = demangle(&symbols->demangler, name);
    const char *kept = demangled ? keep(symbols, demangled, strlen(demangled), "") : name;
    free(demangled);
    return kept;
}

static struct module_symbols *symbols_in(struct symbols *symbols, const struct module *module)
{
    return &symbols->list[module - modules_get(symbols->modules, 0)];
}

static const struct symbol *symbol_in(struct symbols *symbols, const struct module *module, uint64_t address)
{
    struct module_symbols *known = symbols_in(symbols, module);
    if (!known->has_table)
        known->has_table = symbol_table_read(module->dwfl, &known->table);
    return symbol_table_find(&known->table, address);
}

/* By the symbol table; "NAME@VERSION" there is NAME. */
static const char *name_by_table(struct symbols *symbols, const struct module *module, uint64_t address)
{
    const struct symbol *symbol = symbol_in(symbols, module, address);
    if (!symbol)
        return NULL;
    size_t length = strcspn(symbol->name, "@");
    if (!symbol->name[length] || !length)
        return readable(symbols, symbol->name);
    const char *name = keep(symbols, symbol->name, length, "");
    return name ? readable(symbols, name) : NULL;
}

static const char *name_by_calls(struct symbols *symbols, const struct module *module, uint64_t address)
{
    struct module_symbols *known = symbols_in(symbols, module);
    if (!module->is_system || module->is_vdso)
        return NULL;
    if (!known->has_local)
        local_names_read(&module->file, &known->local);
    known->has_local = true;
    const char *name = local_names_find(&known->local, address - module->bias);
    name = name ? readable(symbols, name) : NULL;
    return name ? keep(symbols, name, strlen(name), " [local]") : NULL;
}

/* ---- frames -------------------------------------------------------------------------------------- */

/* As the symbol table has it, without " [clone .cold]" and such; NULL: that is not mangled either. */
static const char *name_by_entry(struct symbols *symbols, const struct module *module, uint64_t entry)
{
    const struct symbol *symbol = entry ? symbol_in(symbols, module, entry) : NULL;
    char *demangled = symbol && symbol->start == entry ? demangle(&symbols->demangler, symbol->name) : NULL;
    const char *clone = demangled ? strstr(demangled, " [clone ") : NULL;
    size_t length = clone ? (size_t)(clone - demangled) : demangled ? strlen(demangled) : 0;
    const char *kept = demangled ? keep(symbols, demangled, length, "") : NULL;
    free(demangled);
    return kept;
}

/* Of a function that DWARF tells: by its mangled name, or made of the names that it has there. */
static const char *name_by_scope(struct symbols *symbols, const struct module *module,
                                 const struct scope *scope)
{
    if (scope->linkage_name)
        return readable(symbols, scope->linkage_name);
    const char *name = name_by_entry(symbols, module, scope->entry);
    if (name)
        return name;
    name = scope->name;
    for (unsigned i = 0; name && i < scope->parent_count; i++) {
        const char *inner = keep(symbols, "::", 2, name);
        name = inner ? keep(symbols, scope->parents[i], strlen(scope->parents[i]), inner) : NULL;
    }
    return name;
}

/* Takes "." and ".." out of an absolute path, as if no folder were a link. */
static void tidy_path(char *path)
{
    char *out = path;
    for (const char *at = path; *at;) {
        size_t length = strcspn(at + 1, "/"); /* `at` is at a slash */
        if (length == 2 && !strncmp(at + 1, "..", 2)) {
            while (out > path && *--out != '/')
                ;
        } else if (length && !(length == 1 && at[1] == '.')) {
            memmove(out, at, length + 1);
            out += length + 1;
        }
        at += length + 1;
    }
    *out = 0;
}

static const char *path_of(struct symbols *symbols, const char *folder, const char *file)
{
    if (!file || (*file != '/' && (!folder || *folder != '/')))
        return file;
    if (*file == '/')
        folder = "";
    size_t size = strlen(folder) + strlen(file) + 2;
    char *path = arena_take(&symbols->arena, size);
    if (!path)
        return NULL;
    snprintf(path, size, "%s%s%s", folder, *folder ? "/" : "", file);
    tidy_path(path);
    return path;
}

/* Fills at most SCOPES_MAX frames; their number. */
static uint32_t frames_by_dwarf(struct symbols *symbols, const struct module *module, uint64_t address,
                                bool as_start, struct threadleak_probe_frame *frames)
{
    struct scopes scopes;
    scopes_read(module->dwfl, &symbols_in(symbols, module)->units, address, as_start, &scopes);
    for (uint32_t i = 0; i < scopes.count || !i; i++) {
        const struct scope *scope = &scopes.list[i];
        frames[i] = (struct threadleak_probe_frame){
            .function = name_by_scope(symbols, module, scope),
            .file = path_of(symbols, scopes.folder, scope->file),
            .line = (uint32_t)scope->line,
            .is_inlined = i + 1 < scopes.count,
        };
    }
    return scopes.count ? scopes.count : 1;
}

static uint32_t find_frames(struct symbols *symbols, const struct module *module, uint64_t address,
                            unsigned flags, struct threadleak_probe_frame *frames)
{
    uint32_t count = 1;
    memset(frames, 0, sizeof *frames);
    if (!module->is_system || (flags & THREADLEAK_PROBE_LINES))
        count = frames_by_dwarf(symbols, module, address, flags & THREADLEAK_PROBE_START, frames);
    /* a function of a system library has one name, with lines or without */
    const char *name = module->is_system || (count == 1 && !frames[0].function)
                           ? name_by_table(symbols, module, address)
                           : NULL;
    if (name)
        frames[count - 1].function = name;
    if (count == 1 && !frames[0].function)
        frames[0].function = name_by_calls(symbols, module, address);
    return count;
}

static struct answer *place_of(struct answer *answers, uint32_t room, uint64_t pc, unsigned flags)
{
    uint64_t at = (pc ^ flags) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    for (;; at++) {
        struct answer *answer = &answers[at & (room - 1)];
        if (!answer->count || (answer->pc == pc && answer->flags == flags))
            return answer;
    }
}

static bool make_room(struct symbols *symbols)
{
    if (symbols->count < symbols->room / 2)
        return true;
    struct answer *larger = calloc(symbols->room * 2, sizeof *larger);
    if (!larger)
        return false;
    for (uint32_t i = 0; i < symbols->room; i++) {
        const struct answer *answer = &symbols->answers[i];
        if (answer->count)
            *place_of(larger, symbols->room * 2, answer->pc, answer->flags) = *answer;
    }
    free(symbols->answers);
    symbols->answers = larger;
    symbols->room *= 2;
    return true;
}

int threadleak_probe_symbolize(struct threadleak_probe *probe, uint64_t pc, unsigned flags,
                               const struct threadleak_probe_frame **frames)
{
    static const struct threadleak_probe_frame unknown;
    *frames = &unknown;
    struct symbols *symbols = symbols_of(probe);
    uint64_t address = (flags & THREADLEAK_PROBE_RETURN) && pc ? pc - 1 : pc;
    const struct module *module = symbols ? modules_at(symbols->modules, address) : NULL;
    if (!module || !elf_file_is_whole(&module->file) || !make_room(symbols))
        return 1;
    struct answer *answer = place_of(symbols->answers, symbols->room, pc, flags);
    if (!answer->count) {
        struct threadleak_probe_frame found[SCOPES_MAX];
        uint32_t count = find_frames(symbols, module, address, flags, found);
        struct threadleak_probe_frame *kept = arena_take(&symbols->arena, count * sizeof *kept);
        if (!kept)
            return 1;
        memcpy(kept, found, count * sizeof *kept);
        *answer = (struct answer){pc, flags, count, kept};
        symbols->count++;
    }
    if (!elf_file_is_whole(&module->file)) /* it was cut meanwhile, and names are half there */
        return 1;
    *frames = answer->frames;
    return (int)answer->count;
}

/* ---- data symbols -------------------------------------------------------------------------------- */

typedef const char *find_name(struct symbols *symbols, const struct module *module, uint64_t address);

/* A file that was cut while it was asked has half of its names. */
static const char *name_if_whole(struct threadleak_probe *probe, uint64_t address, find_name *find)
{
    struct symbols *symbols = symbols_of(probe);
    const struct module *module = symbols ? modules_at(symbols->modules, address) : NULL;
    if (!module || !elf_file_is_whole(&module->file))
        return NULL;
    const char *name = find(symbols, module, address);
    return elf_file_is_whole(&module->file) ? name : NULL;
}

const char *threadleak_probe_symbol_at(struct threadleak_probe *probe, uint64_t address)
{
    return name_if_whole(probe, address, name_by_table);
}

/* As demangled, and therefore with the function that it is static in, or made of the names in DWARF. */
static const char *name_of_variable(struct symbols *symbols, const struct module *module,
                                    const struct variable *variable)
{
    const char *name = variable_linkage_name(variable);
    if (name)
        return readable(symbols, name);
    name = name_by_entry(symbols, module, variable->start);
    if (name)
        return name;
    name = variable_name(variable);
    if (!name || !variable->function)
        return name;
    const char *inner = keep(symbols, "::", 2, name);
    return inner ? keep(symbols, variable->function, strlen(variable->function), inner) : NULL;
}

static const char *name_with_offset(struct symbols *symbols, const struct module *module, uint64_t address)
{
    char offset[24];
    const struct symbol *symbol = symbol_in(symbols, module, address);
    const char *name = symbol ? name_by_table(symbols, module, address) : NULL;
    if (!name || symbol->start == address)
        return name;
    snprintf(offset, sizeof offset, "+0x%llx", (unsigned long long)(address - symbol->start));
    return keep(symbols, name, strlen(name), offset);
}

static const char *name_of_data(struct symbols *symbols, const struct module *module, uint64_t address)
{
    char path[VARIABLE_PATH_MAX];
    struct variables *variables = &symbols_in(symbols, module)->variables;
    const struct variable *variable =
        module->is_system ? NULL : variables_find(variables, module->dwfl, address);
    const char *name = variable ? name_of_variable(symbols, module, variable) : NULL;
    if (!name)
        return name_with_offset(symbols, module, address);
    variable_path(variables, variable, address, path);
    return *path ? keep(symbols, name, strlen(name), path) : name;
}

const char *threadleak_probe_variable_at(struct threadleak_probe *probe, uint64_t address)
{
    return name_if_whole(probe, address, name_of_data);
}

/* Of one module's .symtab. */
struct search {
    const char *name;
    uint64_t bias;
    uint64_t *addresses;
    uint32_t count, most;
};

static bool take_if_wanted(const struct elf_symbol *symbol, void *argument)
{
    struct search *search = argument;
    if (search->count < search->most && !strcmp(symbol->name, search->name))
        search->addresses[search->count++] = symbol->value + search->bias;
    return search->count < search->most;
}

int threadleak_probe_find_symbol(struct threadleak_probe *probe, const char *name, uint64_t *addresses,
                                 uint32_t most)
{
    struct modules *modules = modules_of(probe);
    struct search search = {.name = name, .addresses = addresses, .most = most};
    uint64_t value;
    if (!modules)
        return -1;
    for (uint32_t i = 0; i < modules_count(modules) && search.count < most; i++) {
        const struct module *module = modules_get(modules, i);
        if (elf_file_is_whole(&module->file) && elf_find_dynamic(&module->file, name, &value))
            addresses[search.count++] = value + module->bias;
    }
    for (uint32_t i = 0; i < modules_count(modules) && !search.count && most; i++) {
        const struct module *module = modules_get(modules, i);
        search.bias = module->bias;
        if (elf_file_is_whole(&module->file) && !module->is_system)
            elf_all_symbols(&module->file, take_if_wanted, &search);
    }
    return (int)search.count;
}
