/* SPDX-License-Identifier: MIT */
#include "local_names.h"

#include <stdlib.h>
#include <string.h>

#include "function_starts.h"
#include "symbol_table.h"

#define CODE_MAX (UINT64_C(1) << 30)
#define PASSES_MAX 64 /* libc takes 10 */

struct exported {
    uint64_t start, end;
    const char *name;
};

/* A function calls another, or jumps to its beginning. */
struct edge {
    uint32_t from, to;
};

struct map {
    const struct elf_file *file;
    struct exported *exported; /* by address, one for each address */
    size_t exported_count, exported_room;
    struct local_function *functions;
    uint32_t function_count;
    bool *is_exported; /* the function, or a part of one */
    bool *has_many;    /* reached from several, or nobody knows from where */
    uint8_t
        *marks; /* a bit for each of the `span` bytes from the first function on: one that is not exported */
    uint64_t span;
    struct edge *edges;
    size_t edge_count, edge_room;
    bool is_out_of_memory;
};

/* ---- functions ----------------------------------------------------------------------------------- */

static bool add_exported(const struct elf_symbol *symbol, void *argument)
{
    struct map *map = argument;
    if ((symbol->type != STT_FUNC && symbol->type != STT_GNU_IFUNC) || !symbol->size)
        return true;
    if (map->exported_count == map->exported_room) {
        size_t room = map->exported_room ? map->exported_room * 2 : 1024;
        struct exported *exported = realloc(map->exported, room * sizeof *exported);
        if (!exported)
            return false;
        map->exported = exported;
        map->exported_room = room;
    }
    map->exported[map->exported_count++] =
        (struct exported){symbol->value, symbol->value + symbol->size, symbol->name};
    return true;
}

static int compare_exported(const void *one, const void *other)
{
    const struct exported *a = one, *b = other;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return symbol_name_compare(a->name, b->name);
}

static void find_exported(struct map *map)
{
    size_t kept = 0;
    elf_dynamic_symbols(map->file, add_exported, map);
    if (map->exported_count)
        qsort(map->exported, map->exported_count, sizeof *map->exported, compare_exported);
    for (size_t i = 0; i < map->exported_count; i++)
        if (!kept || map->exported[kept - 1].start != map->exported[i].start)
            map->exported[kept++] = map->exported[i];
    map->exported_count = kept;
}

static int32_t number_at(const uint8_t *place)
{
    int32_t number;
    memcpy(&number, place, sizeof number);
    return number;
}

static bool find_functions(struct map *map)
{
    struct function_starts starts = function_starts_of(map->file);
    map->functions = starts.count ? malloc(starts.count * sizeof *map->functions) : NULL;
    uint64_t last = 0;
    for (uint32_t i = 0; map->functions && i < starts.count; i++) {
        uint64_t start = function_start(&starts, i);
        if (i && start <= last)
            continue;
        map->functions[map->function_count++] = (struct local_function){.start = last = start};
    }
    return map->function_count != 0;
}

static bool name_exported(struct map *map)
{
    size_t at = 0;
    map->is_exported = calloc(map->function_count, sizeof *map->is_exported);
    map->has_many = calloc(map->function_count, sizeof *map->has_many);
    if (!map->is_exported || !map->has_many)
        return false;
    for (uint32_t i = 0; i < map->function_count; i++) {
        struct local_function *function = &map->functions[i];
        while (at + 1 < map->exported_count && map->exported[at + 1].start <= function->start)
            at++;
        if (at < map->exported_count && map->exported[at].start <= function->start &&
            function->start < map->exported[at].end) {
            function->of = map->exported[at].name;
            map->is_exported[i] = true;
        }
    }
    return true;
}

/* ---- calls --------------------------------------------------------------------------------------- */

/* The last function that begins at or before `address`. */
static const struct local_function *function_at(const struct local_function *list, uint32_t count,
                                                uint64_t address)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &list[low - 1] : NULL;
}

/* Where no name is looked for, neither are calls. */
static bool mark_local(struct map *map)
{
    uint64_t first = map->functions[0].start, last = map->functions[map->function_count - 1].start;
    if (last - first >= CODE_MAX)
        return false;
    map->span = last - first + 1;
    map->marks = calloc(1, map->span / 8 + 1);
    for (uint32_t i = 0; map->marks && i < map->function_count; i++) {
        uint64_t at = map->functions[i].start - first;
        if (!map->is_exported[i])
            map->marks[at / 8] |= (uint8_t)(1 << at % 8);
    }
    return map->marks;
}

static void add_edge(struct map *map, uint32_t from, uint64_t target, bool is_call)
{
    uint64_t at = target - map->functions[0].start;
    if (at >= map->span || !(map->marks[at / 8] >> at % 8 & 1))
        return;
    uint32_t to = (uint32_t)(function_at(map->functions, map->function_count, target) - map->functions);
    if (!is_call)
        map->has_many[to] = true;
    if (!is_call || to == from)
        return;
    if (map->edge_count == map->edge_room) {
        size_t room = map->edge_room ? map->edge_room * 2 : 4096;
        struct edge *edges = realloc(map->edges, room * sizeof *edges);
        if (!edges) {
            map->is_out_of_memory = true;
            return;
        }
        map->edges = edges;
        map->edge_room = room;
    }
    map->edges[map->edge_count++] = (struct edge){from, to};
}

/* Up to where the next one begins, or to the end of the segment. */
static uint64_t size_of(const struct map *map, uint32_t index)
{
    Elf64_Phdr segment;
    uint64_t start = map->functions[index].start;
    if (index + 1 < map->function_count)
        return map->functions[index + 1].start - start;
    for (unsigned i = 0; elf_program_header(map->file->bytes, map->file->size, i, &segment); i++)
        if (segment.p_type == PT_LOAD && start >= segment.p_vaddr &&
            start - segment.p_vaddr < segment.p_filesz)
            return segment.p_filesz - (start - segment.p_vaddr);
    return 0;
}

/* Looks for call rel32, jmp rel32, jcc rel32 and lea disp32(%rip) at each byte, as instructions are not told
 * apart. What is none hardly ever hits the beginning of a function; if it does, a name is lost. Jumps of 8
 * bits are left out: they hardly ever leave a function. Whose address is taken may be called by anybody. */
static void find_calls(struct map *map, uint32_t from)
{
    uint64_t start = map->functions[from].start, size = size_of(map, from);
    const uint8_t *code = elf_at(map->file, start, size);
    for (uint64_t i = 0; code && i + 5 <= size; i++) {
        bool is_call = code[i] == 0xe8 || code[i] == 0xe9;
        bool is_jump = code[i] == 0x0f && (code[i + 1] & 0xf0) == 0x80;
        bool is_address = code[i] == 0x8d && (code[i + 1] & 0xc7) == 0x05;
        if (is_call || ((is_jump || is_address) && i + 6 <= size)) {
            uint64_t operand = is_call ? i + 1 : i + 2;
            uint64_t next = start + operand + sizeof(int32_t);
            add_edge(map, from, next + (uint64_t)(int64_t)number_at(code + operand), !is_address);
        }
    }
}

/* ---- whose part a function is -------------------------------------------------------------------- */

/* False: nothing is new. */
static bool pass_on(struct map *map, const struct edge *edge, bool is_last)
{
    const struct local_function *from = &map->functions[edge->from];
    struct local_function *to = &map->functions[edge->to];
    if (map->has_many[edge->to])
        return false;
    /* in the end a function that nobody was seen to call is one that anybody may call by its address */
    bool is_unknown = map->has_many[edge->from] || (is_last && !from->of);
    if (is_unknown || (from->of && to->of && from->of != to->of)) {
        map->has_many[edge->to] = true;
        to->of = NULL;
        return true;
    }
    if (!from->of || to->of)
        return false;
    to->of = from->of;
    return true;
}

static bool pass_all_on(struct map *map, bool is_last)
{
    bool is_new = true;
    for (unsigned pass = 0; is_new && pass < PASSES_MAX; pass++) {
        is_new = false;
        for (size_t i = 0; i < map->edge_count; i++)
            is_new |= pass_on(map, &map->edges[i], is_last);
    }
    return !is_new;
}

void local_names_read(const struct elf_file *file, struct local_names *names)
{
    struct map map = {.file = file};
    const Elf64_Ehdr *header = (const void *)file->bytes;
    memset(names, 0, sizeof *names);
    if (header->e_machine == EM_X86_64 && find_functions(&map)) {
        find_exported(&map);
        if (name_exported(&map) && mark_local(&map)) {
            for (uint32_t i = 0; i < map.function_count; i++)
                find_calls(&map, i);
            if (!map.is_out_of_memory && pass_all_on(&map, false) && pass_all_on(&map, true)) {
                names->list = map.functions;
                names->count = map.function_count;
                map.functions = NULL;
            }
        }
    }
    free(map.exported);
    free(map.functions);
    free(map.is_exported);
    free(map.has_many);
    free(map.marks);
    free(map.edges);
}

void local_names_free(struct local_names *names)
{
    free(names->list);
    memset(names, 0, sizeof *names);
}

const char *local_names_find(const struct local_names *names, uint64_t address)
{
    const struct local_function *function = function_at(names->list, names->count, address);
    return function ? function->of : NULL;
}
