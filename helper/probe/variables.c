/* SPDX-License-Identifier: MIT */
#include "variables.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scopes.h"

/* A damaged file may lead in circles, or have no end. Browsers have a million variables. */
#define DEPTH_MAX 64
#define VISITS_MAX (1u << 24)
#define VARIABLES_MAX (1u << 22)
#define STEPS_MAX 4096 /* members that are tried on the way to one address */

void variables_free(struct variables *variables)
{
    free(variables->list);
    data_types_free(&variables->types);
    memset(variables, 0, sizeof *variables);
}

/* ---- which there are ----------------------------------------------------------------------------- */

/* A walk over the entries of a unit. */
struct walk {
    struct variables *variables;
    Dwarf_Addr bias;
    uint64_t low, high; /* of the module */
    bool is_inner;      /* those in functions are wanted, else the others */
};

/* False: it lies in a register, in thread-local storage, in pieces, or nowhere. */
static bool address_of(Dwarf_Die *die, uint64_t *address)
{
    Dwarf_Attribute location, indexed;
    Dwarf_Op *operations;
    size_t count;
    if (!dwarf_attr(die, DW_AT_location, &location) || dwarf_getlocation(&location, &operations, &count) ||
        !count || count > 2)
        return false;
    switch (operations[0].atom) {
    case DW_OP_addr:
        *address = operations[0].number;
        break;
    case DW_OP_addrx:
    case DW_OP_GNU_addr_index:
        if (dwarf_getlocation_attr(&location, operations, &indexed) || dwarf_formaddr(&indexed, address))
            return false;
        break;
    default:
        return false;
    }
    if (count == 2 && operations[1].atom != DW_OP_plus_uconst)
        return false;
    *address += count == 2 ? operations[1].number : 0;
    return true;
}

static void add(struct walk *walk, Dwarf_Die *die, const char *function)
{
    struct variables *variables = walk->variables;
    uint64_t start;
    if (!address_of(die, &start))
        return;
    start += walk->bias;
    if (start < walk->low || start >= walk->high || variables->count == VARIABLES_MAX)
        return;
    if (variables->count == variables->room) {
        uint32_t room = variables->room ? variables->room * 2 : 256;
        struct variable *list = realloc(variables->list, room * sizeof *list);
        if (!list)
            return;
        variables->list = list;
        variables->room = room;
    }
    const struct data_type *type = data_type_of(&variables->types, die);
    uint64_t size = type && type->size ? type->size : 1;
    uint64_t end = size < walk->high - start ? start + size : walk->high;
    variables->list[variables->count++] = (struct variable){start, end, *die, function};
}

static const char *name_of(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    return dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
}

/* `is_inside`: `parent` is a function, whose name is `function`, or in one. */
static void read_entries(struct walk *walk, Dwarf_Die *parent, bool is_inside, const char *function,
                         unsigned depth)
{
    Dwarf_Die die;
    if (depth == DEPTH_MAX || dwarf_child(parent, &die))
        return;
    do {
        switch (dwarf_tag(&die)) {
        case DW_TAG_variable:
            if (walk->is_inner == is_inside)
                add(walk, &die, function);
            break;
        case DW_TAG_namespace:
        case DW_TAG_module:
            read_entries(walk, &die, is_inside, function, depth + 1);
            break;
        case DW_TAG_subprogram:
            if (walk->is_inner)
                read_entries(walk, &die, true, name_of(&die), depth + 1);
            break;
        case DW_TAG_lexical_block:
        case DW_TAG_try_block:
        case DW_TAG_catch_block:
            if (walk->is_inner)
                read_entries(walk, &die, is_inside, function, depth + 1);
            break;
        }
    } while (walk->variables->visits++ < VISITS_MAX && !dwarf_siblingof(&die, &die));
}

/* Of several at one address, as each unit has an inline variable, the largest; not every unit knows the size
 * of a type. */
static int compare(const void *one, const void *other)
{
    const struct variable *a = one, *b = other;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->end != b->end)
        return a->end > b->end ? -1 : 1;
    return a->die.addr < b->die.addr ? -1 : a->die.addr > b->die.addr;
}

static void read_variables(struct variables *variables, Dwfl_Module *dwfl, bool is_inner)
{
    struct walk walk = {.variables = variables, .is_inner = is_inner};
    Dwarf_Die *unit = NULL;
    dwfl_module_info(dwfl, NULL, &walk.low, &walk.high, NULL, NULL, NULL, NULL);
    while ((unit = dwfl_module_nextcu(dwfl, unit, &walk.bias)) && variables->visits < VISITS_MAX) {
        Dwarf_Die contents = unit_contents(unit);
        read_entries(&walk, &contents, false, NULL, 0);
    }
    if (!variables->count)
        return;
    qsort(variables->list, variables->count, sizeof *variables->list, compare);
    uint32_t kept = 0;
    for (uint32_t i = 1; i < variables->count; i++)
        if (variables->list[i].start != variables->list[kept].start)
            variables->list[++kept] = variables->list[i];
    variables->count = kept + 1;
}

static const struct variable *find(const struct variables *variables, uint64_t address)
{
    uint32_t low = 0, high = variables->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (variables->list[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low && address < variables->list[low - 1].end ? &variables->list[low - 1] : NULL;
}

const struct variable *variables_find(struct variables *variables, Dwfl_Module *dwfl, uint64_t address)
{
    if (!variables->has_outer)
        read_variables(variables, dwfl, false);
    variables->has_outer = true;
    const struct variable *found = find(variables, address);
    if (found || variables->has_inner)
        return found;
    read_variables(variables, dwfl, true);
    variables->has_inner = true;
    return find(variables, address);
}

const char *variable_linkage_name(const struct variable *variable)
{
    Dwarf_Die die = variable->die;
    Dwarf_Attribute attribute;
    return dwarf_formstring(dwarf_attr_integrate(&die, DW_AT_linkage_name, &attribute));
}

const char *variable_name(const struct variable *variable)
{
    Dwarf_Die die = variable->die;
    return name_of(&die);
}

/* ---- the way to a part of one -------------------------------------------------------------------- */

struct way {
    char text[VARIABLE_PATH_MAX - 20];
    size_t length;
    uint64_t rest;   /* from the beginning of what was named last */
    unsigned *steps; /* so far, in vain or not */
};

static void go_into(struct data_types *types, struct data_type *type, uint64_t offset, unsigned depth,
                    struct way *way);

/* False: there is no room. */
static bool append(struct way *way, const char *before, const char *name, const char *after)
{
    size_t room = sizeof way->text - way->length;
    int length = snprintf(way->text + way->length, room, "%s%s%s", before, name, after);
    if (length < 0 || (size_t)length >= room) {
        way->text[way->length] = 0;
        return false;
    }
    way->length += (size_t)length;
    return true;
}

static void go_into_element(struct data_types *types, struct data_type *array, uint64_t offset,
                            unsigned depth, struct way *way)
{
    char number[24];
    uint64_t size = array->element ? array->element->size : 0;
    if (!size || offset / size >= array->count)
        return;
    snprintf(number, sizeof number, "%llu", (unsigned long long)(offset / size));
    if (!append(way, "[", number, "]"))
        return;
    way->rest = offset % size;
    go_into(types, array->element, offset % size, depth, way);
}

/* Empty base classes and members of a union lie where others do too. */
static void go_into_member(struct data_types *types, struct data_type *type, uint64_t offset, unsigned depth,
                           struct way *way)
{
    struct way best = *way;
    data_type_members(types, type);
    for (uint32_t i = 0; i < type->member_count && ++*way->steps < STEPS_MAX; i++) {
        const struct data_member *member = &type->members[i];
        bool is_one_of_many = type->kind == DATA_UNION && member->type->kind == DATA_SCALAR;
        uint64_t inside = offset - member->offset;
        if (offset < member->offset || inside >= (member->type->size ? member->type->size : 1) ||
            is_one_of_many)
            continue;
        struct way tried = *way;
        if (member->name) {
            if (!append(&tried, ".", member->name, ""))
                continue;
            tried.rest = inside;
        }
        go_into(types, member->type, inside, depth, &tried);
        if (tried.length > way->length && (best.length == way->length || !tried.rest))
            best = tried;
        if (best.length > way->length && !best.rest)
            break;
    }
    *way = best;
}

static void go_into(struct data_types *types, struct data_type *type, uint64_t offset, unsigned depth,
                    struct way *way)
{
    if (depth == DEPTH_MAX)
        return;
    if (type->kind == DATA_ARRAY)
        go_into_element(types, type, offset, depth + 1, way);
    else if (type->kind != DATA_SCALAR)
        go_into_member(types, type, offset, depth + 1, way);
}

void variable_path(struct variables *variables, const struct variable *variable, uint64_t address,
                   char path[VARIABLE_PATH_MAX])
{
    Dwarf_Die die = variable->die;
    unsigned steps = 0;
    struct way way = {.rest = address - variable->start, .steps = &steps};
    struct data_type *type = data_type_of(&variables->types, &die);
    if (type)
        go_into(&variables->types, type, way.rest, 0, &way);
    if (way.rest)
        snprintf(path, VARIABLE_PATH_MAX, "%s+0x%llx", way.text, (unsigned long long)way.rest);
    else
        snprintf(path, VARIABLE_PATH_MAX, "%s", way.text);
}
