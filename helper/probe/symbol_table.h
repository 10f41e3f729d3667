/* SPDX-License-Identifier: MIT
 *
 * symbol_table.h - which symbol of a module an address lies in: of .symtab, of its debug file or of
 * .gnu_debugdata, else of .dynsym, as libdwfl finds them.
 */
#ifndef THREADLEAK_SYMBOL_TABLE_H
#define THREADLEAK_SYMBOL_TABLE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

struct symbol {
    uint64_t start, end; /* addresses in the target */
    const char *name;    /* belongs to `dwfl` */
    bool has_size;       /* else it ends with its section, or where the next one begins */
    bool is_typed, is_global;
};

struct symbol_table {
    struct symbol *list; /* by address; of those at one address the best name first */
    uint32_t count;
};

/* False: out of memory. */
bool symbol_table_read(Dwfl_Module *dwfl, struct symbol_table *table);
void symbol_table_free(struct symbol_table *table);

/* NULL: in none. */
const struct symbol *symbol_table_find(const struct symbol_table *table, uint64_t address);

/* Less than 0: `a` is the better name of what has both: fewer underscores in front, shorter, of the alphabet.
 */
int symbol_name_compare(const char *a, const char *b);

#endif
