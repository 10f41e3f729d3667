/* SPDX-License-Identifier: MIT */
#include "scopes.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 128
/* Entries of units and ranges of these that are looked at: a large unit has a million, a damaged one may lead
 * in circles, and many entries may share a list of many ranges. For one address, and for all of a module. */
#define VISITS_MAX (1u << 24)
#define ALL_VISITS_MAX (1u << 30)
#define UNIT_RANGES_MAX (1u << 22) /* browsers have a million */

/* Language names that came after DWARF 5, https://dwarfstd.org/languages.html; older headers lack them. */
enum { CPLUSPLUS_17 = 0x2a, CPLUSPLUS_20 = 0x2b };

struct unit_range {
    uint64_t start, end;
    Dwarf_Die *unit;
};

/* ---- units --------------------------------------------------------------------------------------- */

static int compare_ranges(const void *one, const void *other)
{
    const struct unit_range *a = one, *b = other;
    return a->start < b->start ? -1 : a->start > b->start;
}

static void read_units(Dwfl_Module *dwfl, struct units *units)
{
    Dwarf_Die *unit = NULL;
    Dwarf_Addr bias;
    size_t room = 0;
    while (units->count < UNIT_RANGES_MAX && (unit = dwfl_module_nextcu(dwfl, unit, &bias))) {
        Dwarf_Addr base, start, end;
        for (ptrdiff_t at = 0; (at = dwarf_ranges(unit, at, &base, &start, &end)) > 0;) {
            if (units->count == UNIT_RANGES_MAX)
                break;
            if (units->count == room) {
                room = room ? room * 2 : 256;
                struct unit_range *list = realloc(units->list, room * sizeof *list);
                if (!list)
                    return;
                units->list = list;
            }
            units->list[units->count++] = (struct unit_range){start + bias, end + bias, unit};
        }
    }
    if (units->count)
        qsort(units->list, units->count, sizeof *units->list, compare_ranges);
}

void units_free(struct units *units)
{
    free(units->list);
    memset(units, 0, sizeof *units);
}

/* dwfl_module_addrdie would do, but it puts ranges of one unit together, and what lies between them in it. */
static bool find_unit(Dwfl_Module *dwfl, struct units *units, uint64_t pc, Dwarf_Die *unit, Dwarf_Addr *bias)
{
    Dwarf *dwarf = dwfl_module_getdwarf(dwfl, bias);
    if (!dwarf)
        return false;
    if (dwarf_addrdie(dwarf, pc - *bias, unit))
        return true;
    if (!units->is_read)
        read_units(dwfl, units);
    units->is_read = true;
    size_t low = 0, high = units->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (units->list[middle].start <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low || pc >= units->list[low - 1].end)
        return false;
    *unit = *units->list[low - 1].unit;
    return true;
}

Dwarf_Die unit_contents(Dwarf_Die *unit)
{
    Dwarf_Die split;
    uint8_t type;
    if (!dwarf_cu_info(unit->cu, NULL, &type, NULL, &split, NULL, NULL, NULL) && type == DW_UT_skeleton &&
        dwarf_tag(&split) != DW_TAG_invalid)
        return split;
    return *unit;
}

/* ---- functions ----------------------------------------------------------------------------------- */

/* From the outermost one inwards. */
struct nest {
    Dwarf_Die functions[SCOPES_MAX];
    unsigned count;
    unsigned visits;
};

static bool is_function(const Dwarf_Die *die)
{
    int tag = dwarf_tag((Dwarf_Die *)die);
    return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
}

/* dwarf_haspc, that counts. */
static bool has_address(Dwarf_Die *die, uint64_t pc, struct nest *nest)
{
    Dwarf_Addr base, start, end;
    for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &start, &end)) > 0;) {
        if (start <= pc && pc < end)
            return true;
        if (nest->visits++ >= VISITS_MAX)
            break;
    }
    return false;
}

/* A block without addresses is as if it were not there. */
static bool covers(Dwarf_Die *die, uint64_t pc, struct nest *nest)
{
    switch (dwarf_tag(die)) {
    case DW_TAG_lexical_block:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
        if (!dwarf_hasattr(die, DW_AT_low_pc) && !dwarf_hasattr(die, DW_AT_ranges))
            return true;
        return has_address(die, pc, nest);
    case DW_TAG_subprogram:
    case DW_TAG_inlined_subroutine:
        return has_address(die, pc, nest);
    default:
        return false;
    }
}

/* Where functions may lie that are not in the unit itself: Rust's in namespaces and types, those of a local
 * class in the function that it is local to. */
static bool may_hold_functions(Dwarf_Die *die)
{
    switch (dwarf_tag(die)) {
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
    case DW_TAG_subprogram:
    case DW_TAG_lexical_block:
        return true;
    default:
        return false;
    }
}

/* `everywhere`: until something is found. */
static void collect(Dwarf_Die *parent, uint64_t pc, bool everywhere, unsigned depth, struct nest *nest)
{
    Dwarf_Die die;
    if (depth == DEPTH_MAX || dwarf_child(parent, &die))
        return;
    do {
        if (covers(&die, pc, nest)) {
            unsigned before = nest->count;
            if (is_function(&die) && nest->count < SCOPES_MAX)
                nest->functions[nest->count++] = die;
            collect(&die, pc, false, depth + 1, nest);
            if (nest->count > before)
                return;
        } else if (everywhere && may_hold_functions(&die)) {
            collect(&die, pc, true, depth + 1, nest);
            if (nest->count)
                return;
        }
    } while (nest->visits++ < VISITS_MAX && !dwarf_siblingof(&die, &die));
}

static const char *string_of(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

static bool is_cplusplus(Dwarf_Die *unit)
{
    switch (dwarf_srclang(unit)) {
    case DW_LANG_C_plus_plus:
    case DW_LANG_C_plus_plus_03:
    case DW_LANG_C_plus_plus_11:
    case DW_LANG_C_plus_plus_14:
    case CPLUSPLUS_17:
    case CPLUSPLUS_20:
        return true;
    default:
        return false;
    }
}

/* The declaration in its namespace or class, of a function that is defined, or inlined, elsewhere. */
static Dwarf_Die declaration_of(Dwarf_Die die)
{
    static const unsigned references[] = {DW_AT_abstract_origin, DW_AT_specification};
    Dwarf_Attribute attribute;
    for (unsigned i = 0; i < 2; i++)
        if (dwarf_attr(&die, references[i], &attribute))
            dwarf_formref_die(&attribute, &die);
    return die;
}

/* Of a function that is local to another, or of a class that is, nothing outside of that counts, as in GDB.
 */
static void set_parents(Dwarf_Die *function, struct scope *scope)
{
    Dwarf_Die declaration = declaration_of(*function), *around = NULL;
    int count = dwarf_getscopes_die(&declaration, &around);
    for (int i = 1; i < count && scope->parent_count < PARENTS_MAX; i++) {
        const char *name = dwarf_diename(&around[i]);
        int tag = dwarf_tag(&around[i]);
        bool is_class = tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
        if (tag != DW_TAG_namespace && (!is_class || !name))
            break;
        if (name || !dwarf_hasattr(&around[i], DW_AT_export_symbols))
            scope->parents[scope->parent_count++] = name ? name : "(anonymous namespace)";
    }
    free(around);
}

static void set_names(Dwarf_Die *unit, Dwarf_Addr bias, Dwarf_Die *function, struct scope *scope)
{
    Dwarf_Addr base, entry, end;
    bool is_rust = dwarf_srclang(unit) == DW_LANG_Rust;
    scope->name = string_of(function, DW_AT_name);
    if (!is_rust || !scope->name)
        scope->linkage_name = string_of(function, DW_AT_linkage_name);
    if (scope->linkage_name || !scope->name || !(is_rust || is_cplusplus(unit)))
        return;
    /* of several ranges the first one begins with the entry; the others are cold parts */
    if (!is_rust && dwarf_tag(function) == DW_TAG_subprogram &&
        (!dwarf_entrypc(function, &entry) || dwarf_ranges(function, 0, &base, &entry, &end) > 0))
        scope->entry = entry + bias;
    set_parents(function, scope);
}

/* ---- lines --------------------------------------------------------------------------------------- */

static uint64_t number_of(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word number;
    return dwarf_formudata(dwarf_attr(die, name, &attribute), &number) ? 0 : number;
}

static uint64_t address_of(Dwarf_Lines *lines, size_t index)
{
    Dwarf_Addr address = 0;
    dwarf_lineaddr(dwarf_onesrcline(lines, index), &address);
    return address;
}

static bool is_statement(Dwarf_Lines *lines, size_t index)
{
    bool is_beginning = false;
    return !dwarf_linebeginstatement(dwarf_onesrcline(lines, index), &is_beginning) && is_beginning;
}

/* The last line that begins at or before `pc`; of several at one address, if that is not where a statement
 * begins, the next one before it that is, as in GDB (find_pc_sect_line in symtab.c). */
static Dwarf_Line *line_at(Dwarf_Die *unit, uint64_t pc)
{
    Dwarf_Lines *lines;
    size_t count, low = 0, number = 0;
    if (dwarf_getsrclines(unit, &lines, &count))
        return NULL;
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (address_of(lines, middle) <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_end = true;
    if (!low || dwarf_lineendsequence(dwarf_onesrcline(lines, low - 1), &is_end) || is_end)
        return NULL;
    for (number = low - 1; number && !is_statement(lines, number); number--)
        if (address_of(lines, number - 1) != address_of(lines, low - 1))
            break;
    return dwarf_onesrcline(lines, is_statement(lines, number) ? number : low - 1);
}

static void set_executed_line(Dwarf_Die *unit, uint64_t pc, struct scope *scope)
{
    Dwarf_Line *line = line_at(unit, pc);
    scope->file = NULL;
    scope->line = 0;
    if (line && !dwarf_lineno(line, &scope->line) && scope->line)
        scope->file = dwarf_linesrc(line, NULL, NULL);
}

/* Where an inlined function is called, as the function around it sees that. */
static void set_call_line(Dwarf_Die *contents, Dwarf_Die *inlined, struct scope *scope)
{
    Dwarf_Files *files;
    size_t count;
    uint64_t file = number_of(inlined, DW_AT_call_file);
    scope->file = NULL;
    scope->line = (int)number_of(inlined, DW_AT_call_line);
    if (scope->line && !dwarf_getsrcfiles(contents, &files, &count) && file < count)
        scope->file = dwarf_filesrc(files, file, NULL, NULL);
}

static void set_declared_line(Dwarf_Die *function, struct scope *scope)
{
    scope->file = NULL;
    scope->line = 0;
    if (!dwarf_decl_line(function, &scope->line))
        scope->file = dwarf_decl_file(function);
}

void scopes_read(Dwfl_Module *dwfl, struct units *units, uint64_t pc, bool as_start, struct scopes *scopes)
{
    Dwarf_Addr bias;
    Dwarf_Die unit;
    memset(scopes, 0, sizeof *scopes);
    struct scope *list = scopes->list;
    if (units->visits > ALL_VISITS_MAX || !find_unit(dwfl, units, pc, &unit, &bias))
        return;
    Dwarf_Die contents = unit_contents(&unit);
    struct nest nest = {.count = 0, .visits = 0};
    pc -= bias;
    collect(&contents, pc, false, 0, &nest);
    if (!nest.count)
        collect(&contents, pc, true, 0, &nest);
    units->visits += nest.visits;
    scopes->folder = string_of(&unit, DW_AT_comp_dir);
    if (as_start && nest.count) {
        scopes->count = 1;
        set_names(&contents, bias, &nest.functions[0], &list[0]);
        set_declared_line(&nest.functions[0], &list[0]);
        return;
    }
    scopes->count = nest.count;
    set_executed_line(&unit, pc, &list[0]);
    for (unsigned i = 0; i < nest.count; i++) {
        Dwarf_Die *function = &nest.functions[nest.count - 1 - i];
        set_names(&contents, bias, function, &list[i]);
        if (i + 1 < nest.count)
            set_call_line(&contents, function, &list[i + 1]);
    }
}
