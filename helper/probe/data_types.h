/* SPDX-License-Identifier: MIT
 *
 * data_types.h - what DWARF says of the types of variables, as far as it takes to name a part of one: sizes,
 * elements, and members that have an address and a name of their own. Each type is read once, when it is
 * needed.
 *
 * Names that begin with two underscores, or with one and a capital letter, belong to the compiler and its
 * libraries (ISO C, 7.1.3; ISO C++, [lex.name]): what has no other members is one object to whoever uses it.
 * A std::mutex is one, and not the _M_mutex in it. An array that is all that such a class has is what
 * std::array is made of: its elements are the elements of the class. Of Rust's std, core and alloc nothing is
 * looked into.
 */
#ifndef THREADLEAK_DATA_TYPES_H
#define THREADLEAK_DATA_TYPES_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

enum data_kind { DATA_SCALAR, DATA_ARRAY, DATA_CLASS, DATA_UNION };

struct data_type;

struct data_member {
    const char *name; /* NULL: a base class, or what it holds is used as if it were around it */
    uint64_t offset;
    struct data_type *type;
};

struct data_type {
    enum data_kind kind;
    uint64_t size; /* 0: not known */
    Dwarf_Die die;
    struct data_type *element; /* of an array; NULL: not known */
    uint64_t count;            /* of elements; UINT64_MAX: not known */
    /* Of a class and a union, once data_type_members was called. */
    bool has_members;
    uint32_t member_count;
    struct data_member *members;
};

/* All zero at first. */
struct data_types {
    struct arena arena;
    void *tree;      /* by DIE, tsearch(3) */
    unsigned depth;  /* of arrays in arrays that are being read */
    uint32_t visits; /* entries that were looked at */
};

void data_types_free(struct data_types *types);

/* Of a variable or a member, without typedefs and qualifiers. NULL: it has none, or there is too much. */
struct data_type *data_type_of(struct data_types *types, Dwarf_Die *die);

void data_type_members(struct data_types *types, struct data_type *type);

#endif
