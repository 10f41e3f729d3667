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

struct scope {
    const char *linkage_name; /* NULL: it has none */
    const char *name;
    const char *file; /* NULL: not known; absolute where the compiler said in which folder it ran */
    int line;         /* 0: not known */
};

/* Compilation units by address, for those compilers that write no .debug_aranges. */
struct unit_range;
struct units {
    struct unit_range *list;
    size_t count;
    bool is_read;
};

void units_free(struct units *units);

/* Fills at most SCOPES_MAX, innermost first; each with the line that is executed in it, or, for `as_start`,
 * the outermost alone with the line that it is declared at. Their number; 0: no function is known there, then
 * scopes[0] has the line alone, if that is known. */
unsigned scopes_at(Dwfl_Module *dwfl, struct units *units, uint64_t pc, bool as_start, struct scope *scopes);

#endif
