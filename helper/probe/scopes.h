/* SPDX-License-Identifier: MIT
 *
 * scopes.h - by DWARF: the functions that are inlined at an address, the one that they are in, and lines.
 */
#ifndef THREADLEAK_SCOPES_H
#define THREADLEAK_SCOPES_H

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

#define SCOPES_MAX 64
#define PARENTS_MAX 16

struct scope {
    /* NULL: it has none, as g++ leaves it out where other units do not see the function; or it is not to be
     * used: Rust has two schemes, and all that they say is in the other names. */
    const char *linkage_name;
    const char *name;
    /* Of C++ and Rust without: namespaces and classes that it is in, innermost first; of C++ where it begins,
     * if it is not inlined, else 0. */
    const char *parents[PARENTS_MAX];
    unsigned parent_count;
    uint64_t entry;
    const char *file; /* NULL: not known */
    int line;         /* 0: not known */
};

struct scopes {
    struct scope list[SCOPES_MAX]; /* innermost first; the outermost is a function, the others are inlined */
    unsigned count;
    const char *folder; /* that the compiler ran in: what files are relative to; NULL: not known */
};

/* Of one module. */
struct unit_range;
struct units {
    struct unit_range *list; /* by address, for those compilers that write no .debug_aranges */
    size_t count;
    bool is_read;
    uint32_t visits; /* entries and ranges that were looked at, for all addresses so far */
};

void units_free(struct units *units);

/* The unit, or with -gsplit-dwarf the one in a file of its own that has what is in it. */
Dwarf_Die unit_contents(Dwarf_Die *unit);

/* Each with the line that is executed in it; for `as_start` the outermost alone, with the line that it is
 * declared at. Where no function is known, list[0] has the line alone, if that is known. */
void scopes_read(Dwfl_Module *dwfl, struct units *units, uint64_t pc, bool as_start, struct scopes *scopes);

#endif
