/* SPDX-License-Identifier: MIT
 *
 * elf_file.h - the bytes of a 64-bit little-endian ELF file, elf(5): from disk, or put together from a
 * target's memory. Whoever wrote it is not trusted: every offset is checked where it is used.
 */
#ifndef THREADLEAK_ELF_FILE_H
#define THREADLEAK_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cut_files.h"

#define BUILD_ID_MAX 64        /* bytes; linkers make 8 to 20 of them */
#define SYMBOLS_MAX (1u << 24) /* a table of more is not read: browsers have two million */

struct elf_file {
    const uint8_t *bytes; /* NULL: none */
    size_t size;
    /* What the loader added to the addresses in .dynamic; 0 on disk. Where it did not (a read-only .dynamic),
     * they are smaller than this. */
    uint64_t relocated;
    bool is_mapped; /* by mmap, else by malloc */
    bool had_end;   /* its last bytes were not all zero */
    struct guard *guard;
};

/* False: it cannot be read, or is no such ELF file. */
bool elf_file_open(const char *path, struct elf_file *file);
void elf_file_close(struct elf_file *file);

/* Whether there is one, and nobody has cut it short since. */
bool elf_file_is_whole(const struct elf_file *file);

/* Whether `bytes` begin with such an ELF header. */
bool elf_is_header(const void *bytes, size_t size);

/* Program header `index` of the `size` bytes that a file begins with. False: there is none. */
bool elf_program_header(const void *bytes, size_t size, unsigned index, Elf64_Phdr *header);

/* The bytes that lie at a virtual address of the file; NULL: not `size` of them. */
const void *elf_at(const struct elf_file *file, uint64_t address, size_t size);

/* The build-id in the bytes of a note segment; its size, 0: none there. */
size_t elf_build_id_of_notes(const uint8_t *notes, size_t size, uint8_t *build_id);
size_t elf_build_id(const struct elf_file *file, uint8_t *build_id);

/* Calls `use` for each symbol that is defined, has a name, and is no section, file or thread-local one: of
 * the dynamic symbol table, or of .symtab. Ends when `use` returns false. */
struct elf_symbol {
    const char *name;
    uint64_t value, size; /* value: virtual address in the file */
    uint8_t type, binding;
};
typedef bool elf_symbol_use(const struct elf_symbol *symbol, void *argument);
void elf_dynamic_symbols(const struct elf_file *file, elf_symbol_use *use, void *argument);
void elf_all_symbols(const struct elf_file *file, elf_symbol_use *use, void *argument);

/* The virtual address of a dynamic symbol, by its hash table where there is one. */
bool elf_find_dynamic(const struct elf_file *file, const char *name, uint64_t *value);

#endif
