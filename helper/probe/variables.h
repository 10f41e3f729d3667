/* SPDX-License-Identifier: MIT
 *
 * variables.h - by DWARF: which global or static variable of a module an address lies in, and which member or
 * element of it. The variables of all units are listed when the first address is asked for; those that are
 * static in a function when the first address is in no other one.
 */
#ifndef THREADLEAK_VARIABLES_H
#define THREADLEAK_VARIABLES_H

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

#include "data_types.h"

struct variable {
    uint64_t start, end; /* addresses in the target */
    Dwarf_Die die;
    const char *function; /* that it is static in; NULL: none, or it has no name */
};

/* Of one module. All zero at first. */
struct variables {
    struct variable *list; /* by address, one each */
    uint32_t count, room;
    bool has_outer, has_inner; /* those outside of functions, those in functions */
    uint32_t visits;           /* entries that were looked at */
    struct data_types types;
};

void variables_free(struct variables *variables);

/* NULL: in none. */
const struct variable *variables_find(struct variables *variables, Dwfl_Module *dwfl, uint64_t address);

/* By the compiler; NULL: it has none. */
const char *variable_linkage_name(const struct variable *variable);
const char *variable_name(const struct variable *variable);

/* Writes what follows its name: "", ".items[2].mutex", ".ready+0x20": the deepest member or element that
 * `address` lies in, and how far behind its beginning. Of a union the first member in which something begins
 * there; but a number of it may be any of them: that is the union. */
#define VARIABLE_PATH_MAX 1100
void variable_path(struct variables *variables, const struct variable *variable, uint64_t address,
                   char path[VARIABLE_PATH_MAX]);

#endif
