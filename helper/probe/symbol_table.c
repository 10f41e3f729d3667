/* SPDX-License-Identifier: MIT */
#include "symbol_table.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"

#define NESTED_MAX 64 /* symbols between an address and the beginning of the one around it */

/* ---- reading ------------------------------------------------------------------------------------- */

/* A label of assembler code has no size; one in data says nothing of what lies behind it. */
static uint64_t end_of_code_section(const GElf_Sym *entry, Elf *elf, Dwarf_Addr bias)
{
    GElf_Shdr section;
    Elf_Scn *place = elf && entry->st_shndx < SHN_LORESERVE ? elf_getscn(elf, entry->st_shndx) : NULL;
    if (!place || !gelf_getshdr(place, &section) || !(section.sh_flags & SHF_EXECINSTR))
        return 0;
    return section.sh_addr + section.sh_size + bias;
}

static bool read_symbol(Dwfl_Module *dwfl, int index, struct symbol *symbol)
{
    GElf_Sym entry;
    GElf_Addr address;
    Elf *elf = NULL;
    Dwarf_Addr bias = 0;
    GElf_Word section;
    const char *name = dwfl_module_getsym_info(dwfl, index, &entry, &address, &section, &elf, &bias);
    unsigned type = GELF_ST_TYPE(entry.st_info);
    /* names with $ are marks between code and data on aarch64 */
    if (!name || !*name || *name == '$' || section == SHN_UNDEF || section == SHN_ABS ||
        type == STT_SECTION || type == STT_FILE || type == STT_TLS)
        return false;
    symbol->name = name;
    symbol->start = address;
    symbol->has_size = entry.st_size != 0;
    symbol->end = symbol->has_size ? address + entry.st_size : end_of_code_section(&entry, elf, bias);
    symbol->is_typed = type != STT_NOTYPE;
    symbol->is_global = GELF_ST_BIND(entry.st_info) != STB_LOCAL;
    return symbol->end > symbol->start;
}

static size_t underscores(const char *name)
{
    return strncmp(name, "_Z", 2) ? strspn(name, "_") : 0; /* the mark of C++ */
}

int symbol_name_compare(const char *a, const char *b)
{
    size_t a_underscores = underscores(a), b_underscores = underscores(b);
    if (a_underscores != b_underscores)
        return a_underscores < b_underscores ? -1 : 1;
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length != b_length)
        return a_length < b_length ? -1 : 1;
    return strcmp(a, b);
}

/* Several names at one address: which is best is our choice, GDB's may be another. */
static int compare(const void *one, const void *other)
{
    const struct symbol *a = one, *b = other;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->is_typed != b->is_typed)
        return a->is_typed ? -1 : 1;
    if (a->is_global != b->is_global)
        return a->is_global ? -1 : 1;
    return symbol_name_compare(a->name, b->name);
}

bool symbol_table_read(Dwfl_Module *dwfl, struct symbol_table *table)
{
    int count = dwfl_module_getsymtab(dwfl);
    memset(table, 0, sizeof *table);
    if (count <= 1 || (unsigned)count > SYMBOLS_MAX)
        return true;
    table->list = malloc((size_t)count * sizeof *table->list);
    if (!table->list)
        return false;
    for (int i = 1; i < count; i++)
        if (read_symbol(dwfl, i, &table->list[table->count]))
            table->count++;
    qsort(table->list, table->count, sizeof *table->list, compare);
    return true;
}

void symbol_table_free(struct symbol_table *table)
{
    free(table->list);
    memset(table, 0, sizeof *table);
}

/* ---- finding ------------------------------------------------------------------------------------- */

const struct symbol *symbol_table_find(const struct symbol_table *table, uint64_t address)
{
    uint32_t low = 0, high = table->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (table->list[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    const struct symbol *found = NULL, *label = NULL;
    for (uint32_t i = low; i > 0 && low - i < NESTED_MAX; i--) {
        const struct symbol *symbol = &table->list[i - 1];
        if (found && symbol->start != found->start)
            break;
        if (address >= symbol->end)
            continue;
        if (symbol->has_size)
            found = symbol;
        else if (symbol->start == table->list[low - 1].start)
            label = symbol;
    }
    return found ? found : label;
}
