/* SPDX-License-Identifier: MIT */
#include "data_types.h"

#include <ctype.h>
#include <dwarf.h>
#include <search.h>
#include <string.h>

/* A damaged file may lead in circles, or have no end. */
#define QUALIFIERS_MAX 32
#define DIMENSIONS_MAX 16
#define ARRAYS_MAX 16 /* in each other, with typedefs between them */
#define MEMBERS_MAX 65536
#define VISITS_MAX (1u << 24)

static void keep_type(void *type)
{
    (void)type; /* the arena has it */
}

void data_types_free(struct data_types *types)
{
    tdestroy(types->tree, keep_type);
    arena_free(&types->arena);
    memset(types, 0, sizeof *types);
}

/* ---- one type ------------------------------------------------------------------------------------ */

static uint64_t number_of(Dwarf_Die *die, unsigned name, uint64_t otherwise)
{
    Dwarf_Attribute attribute;
    Dwarf_Word number;
    return dwarf_formudata(dwarf_attr(die, name, &attribute), &number) ? otherwise : number;
}

/* The type that `die` refers to, behind typedefs and qualifiers. dwarf_peel_type follows a circle for ever.
 */
static bool peel(Dwarf_Die *die, Dwarf_Die *type)
{
    Dwarf_Attribute attribute;
    *type = *die;
    for (unsigned i = 0; i < QUALIFIERS_MAX; i++) {
        if (!dwarf_formref_die(dwarf_attr_integrate(type, DW_AT_type, &attribute), type))
            return false;
        switch (dwarf_tag(type)) {
        case DW_TAG_typedef:
        case DW_TAG_const_type:
        case DW_TAG_volatile_type:
        case DW_TAG_restrict_type:
        case DW_TAG_atomic_type:
            break;
        default:
            if (dwarf_attr(type, DW_AT_signature, &attribute))
                return dwarf_formref_die(&attribute, type);
            return true;
        }
    }
    return false;
}

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? 0 : product;
}

/* Of each dimension, from the last to the first, an array of what is behind it. */
static void read_array(struct data_types *types, struct data_type *array)
{
    uint64_t counts[DIMENSIONS_MAX];
    unsigned dimensions = 0;
    Dwarf_Die child;
    array->count = UINT64_MAX;
    if (types->depth == ARRAYS_MAX || dwarf_hasattr(&array->die, DW_AT_bit_stride) ||
        dwarf_hasattr(&array->die, DW_AT_byte_stride))
        return;
    types->depth++;
    struct data_type *element = data_type_of(types, &array->die);
    types->depth--;
    if (!dwarf_child(&array->die, &child)) {
        do {
            if (dwarf_tag(&child) != DW_TAG_subrange_type)
                continue;
            if (dimensions == DIMENSIONS_MAX || dwarf_hasattr(&child, DW_AT_byte_stride))
                return;
            uint64_t last = number_of(&child, DW_AT_upper_bound, UINT64_MAX);
            counts[dimensions++] = number_of(&child, DW_AT_count, last == UINT64_MAX ? last : last + 1);
        } while (types->visits++ < VISITS_MAX && !dwarf_siblingof(&child, &child));
    }
    if (!dimensions || !element)
        return;
    while (--dimensions) {
        struct data_type *inner = arena_take(&types->arena, sizeof *inner);
        if (!inner)
            return;
        *inner = (struct data_type){.kind = DATA_ARRAY, .element = element, .count = counts[dimensions]};
        inner->size = inner->count == UINT64_MAX ? 0 : times(element->size, inner->count);
        element = inner;
    }
    array->element = element;
    array->count = counts[0];
    array->size = array->count == UINT64_MAX ? 0 : times(element->size, array->count);
}

static int compare(const void *one, const void *other)
{
    const struct data_type *a = one, *b = other;
    return a->die.addr < b->die.addr ? -1 : a->die.addr > b->die.addr;
}

struct data_type *data_type_of(struct data_types *types, Dwarf_Die *die)
{
    struct data_type wanted, **found;
    if (types->visits > VISITS_MAX || !peel(die, &wanted.die))
        return NULL;
    types->visits++;
    if ((found = tfind(&wanted, &types->tree, compare)))
        return *found;
    struct data_type *type = arena_take(&types->arena, sizeof *type);
    if (!type)
        return NULL;
    *type = (struct data_type){.die = wanted.die};
    if (!tsearch(type, &types->tree, compare))
        return NULL;
    switch (dwarf_tag(&type->die)) {
    case DW_TAG_array_type:
        type->kind = DATA_ARRAY;
        read_array(types, type);
        return type;
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
        type->kind = DATA_CLASS;
        break;
    case DW_TAG_union_type:
        type->kind = DATA_UNION;
        break;
    case DW_TAG_pointer_type:
        type->size = sizeof(uint64_t); /* of every target; some compilers leave it out */
        break;
    }
    type->size = number_of(&type->die, DW_AT_byte_size, type->size);
    return type;
}

/* ---- members ------------------------------------------------------------------------------------- */

static bool is_reserved(const struct data_member *member)
{
    const char *name = member->name;
    return name && name[0] == '_' && (name[1] == '_' || isupper((unsigned char)name[1]));
}

/* Whether it is declared in one of the namespaces that Rust's own library consists of. What is in an entry
 * lies between it and the next one. */
static bool is_of_rust(struct data_types *types, Dwarf_Die *type)
{
    Dwarf_Die unit, child;
    bool is_inside = false;
    if (!dwarf_diecu(type, &unit, NULL, NULL) || dwarf_srclang(&unit) != DW_LANG_Rust ||
        dwarf_child(&unit, &child))
        return false;
    do {
        if (dwarf_dieoffset(&child) > dwarf_dieoffset(type))
            break;
        const char *name = dwarf_tag(&child) == DW_TAG_namespace ? dwarf_diename(&child) : NULL;
        is_inside = name && (!strcmp(name, "std") || !strcmp(name, "core") || !strcmp(name, "alloc"));
    } while (types->visits++ < VISITS_MAX && !dwarf_siblingof(&child, &child));
    return is_inside;
}

/* False: `die` is no member that has an address. */
static bool read_member(struct data_types *types, Dwarf_Die *die, struct data_member *member)
{
    int tag = dwarf_tag(die);
    if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) || dwarf_hasattr(die, DW_AT_artificial) ||
        dwarf_hasattr(die, DW_AT_bit_size) || dwarf_hasattr(die, DW_AT_declaration) ||
        dwarf_hasattr(die, DW_AT_external))
        return false;
    /* of a virtual base it is an expression */
    member->offset = number_of(die, DW_AT_data_member_location, UINT64_MAX);
    if (member->offset == UINT64_MAX) {
        if (dwarf_hasattr(die, DW_AT_data_member_location))
            return false;
        member->offset = 0;
    }
    member->name = tag == DW_TAG_member ? dwarf_diename(die) : NULL;
    member->type = data_type_of(types, die);
    return member->type != NULL;
}

void data_type_members(struct data_types *types, struct data_type *type)
{
    Dwarf_Die child;
    uint32_t count = 0;
    if (type->has_members)
        return;
    type->has_members = true;
    if (dwarf_child(&type->die, &child) || is_of_rust(types, &type->die))
        return;
    do
        count += dwarf_tag(&child) == DW_TAG_member || dwarf_tag(&child) == DW_TAG_inheritance;
    while (count < MEMBERS_MAX && types->visits++ < VISITS_MAX && !dwarf_siblingof(&child, &child));
    struct data_member *list = arena_take(&types->arena, count * sizeof *list);
    if (!list || !count || dwarf_child(&type->die, &child))
        return;
    uint32_t found = 0;
    do
        found += read_member(types, &child, &list[found]);
    while (found < count && types->visits++ < VISITS_MAX && !dwarf_siblingof(&child, &child));
    if (found == 1 && type->kind == DATA_CLASS && list->type->kind == DATA_ARRAY && is_reserved(list))
        list->name = NULL;
    for (uint32_t i = 0; i < found; i++)
        if (!is_reserved(&list[i]))
            list[type->member_count++] = list[i];
    type->members = list;
}
