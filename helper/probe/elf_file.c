/* SPDX-License-Identifier: MIT */
#include "elf_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file may be sparse: its size is no bound on what its headers can make us do. */
#define FILE_MAX (INT64_C(64) << 30)
#define PROGRAM_HEADERS_MAX 128 /* linkers write a dozen */
#define NOTES_MAX 65536         /* bytes of notes that are searched */
#define CHAIN_MAX 65536         /* symbols of one hash */

bool elf_is_header(const void *bytes, size_t size)
{
    Elf64_Ehdr header;
    if (size < sizeof header)
        return false;
    memcpy(&header, bytes, sizeof header);
    return !memcmp(header.e_ident, ELFMAG, SELFMAG) && header.e_ident[EI_CLASS] == ELFCLASS64 &&
           header.e_ident[EI_DATA] == ELFDATA2LSB && (header.e_type == ET_EXEC || header.e_type == ET_DYN) &&
           header.e_phentsize == sizeof(Elf64_Phdr);
}

/* Files end with headers of sections. */
static bool has_end(const struct elf_file *file)
{
    for (size_t i = 1; i <= sizeof(Elf64_Shdr) && i <= file->size; i++)
        if (file->bytes[file->size - i])
            return true;
    return false;
}

bool elf_file_open(const char *path, struct elf_file *file)
{
    memset(file, 0, sizeof *file);
    /* not to wait for the other end of a named pipe, whatever a core says that was mapped */
    int handle = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (handle < 0)
        return false;
    struct stat status;
    Elf64_Ehdr header;
    void *bytes = MAP_FAILED;
    /* files of sysfs may be the memory of a device: what does not begin as it has to is not mapped */
    if (!fstat(handle, &status) && S_ISREG(status.st_mode) && status.st_size <= FILE_MAX &&
        pread(handle, &header, sizeof header, 0) == sizeof header && elf_is_header(&header, sizeof header))
        bytes = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
                     handle, 0); /* libelf writes into the headers of sections that it unpacks */
    close(handle);
    if (bytes == MAP_FAILED)
        return false;
    file->bytes = bytes;
    file->size = (size_t)status.st_size;
    file->is_mapped = true;
    file->guard = guard_file(bytes, file->size);
    file->had_end = has_end(file);
    if (elf_is_header(bytes, file->size))
        return true;
    elf_file_close(file);
    return false;
}

void elf_file_close(struct elf_file *file)
{
    guard_end(file->guard);
    if (file->is_mapped)
        munmap((void *)file->bytes, file->size);
    else
        free((void *)file->bytes);
    memset(file, 0, sizeof *file);
}

bool elf_file_is_whole(const struct elf_file *file)
{
    if (!file->bytes || !file->is_mapped)
        return file->bytes;
    bool is_cut =
        file->had_end && !has_end(file); /* what lies on the last page that is left are zeros, too */
    return !is_cut && !guard_was_cut(file->guard);
}

/* `size` bytes at an offset of the file, or NULL. */
static const uint8_t *at_offset(const struct elf_file *file, uint64_t offset, uint64_t size)
{
    return offset <= file->size && size <= file->size - offset ? file->bytes + offset : NULL;
}

bool elf_program_header(const void *bytes, size_t size, unsigned index, Elf64_Phdr *header)
{
    const Elf64_Ehdr *elf = bytes;
    const struct elf_file file = {.bytes = bytes, .size = size};
    const uint8_t *place;
    if (index >= elf->e_phnum || index >= PROGRAM_HEADERS_MAX ||
        !(place = at_offset(&file, elf->e_phoff, (index + UINT64_C(1)) * sizeof *header)))
        return false;
    memcpy(header, place + index * sizeof *header, sizeof *header);
    return true;
}

const void *elf_at(const struct elf_file *file, uint64_t address, size_t size)
{
    Elf64_Phdr segment;
    for (unsigned i = 0; elf_program_header(file->bytes, file->size, i, &segment); i++) {
        uint64_t inside = address - segment.p_vaddr;
        if (segment.p_type == PT_LOAD && address >= segment.p_vaddr && inside < segment.p_filesz &&
            size <= segment.p_filesz - inside && segment.p_offset <= UINT64_MAX - inside)
            return at_offset(file, segment.p_offset + inside, size);
    }
    return NULL;
}

size_t elf_build_id_of_notes(const uint8_t *notes, size_t size, uint8_t *build_id)
{
    Elf64_Nhdr note;
    for (size_t at = 0; size - at >= sizeof note;) {
        memcpy(&note, notes + at, sizeof note);
        at += sizeof note;
        /* sizes have 32 bits: no sum of two overflows */
        uint64_t name = (note.n_namesz + UINT64_C(3)) & ~UINT64_C(3);
        uint64_t rest = (note.n_descsz + UINT64_C(3)) & ~UINT64_C(3);
        if (name > size - at || note.n_descsz > size - at - name)
            return 0;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && !memcmp(notes + at, "GNU", 4) &&
            note.n_descsz > 0 && note.n_descsz <= BUILD_ID_MAX) {
            memcpy(build_id, notes + at + name, note.n_descsz);
            return note.n_descsz;
        }
        if (rest > size - at - name)
            return 0;
        at += name + rest;
    }
    return 0;
}

size_t elf_build_id(const struct elf_file *file, uint8_t *build_id)
{
    Elf64_Phdr segment;
    for (unsigned i = 0; elf_program_header(file->bytes, file->size, i, &segment); i++) {
        const uint8_t *notes =
            segment.p_type == PT_NOTE ? at_offset(file, segment.p_offset, segment.p_filesz) : NULL;
        uint64_t searched = segment.p_filesz < NOTES_MAX ? segment.p_filesz : NOTES_MAX;
        size_t size = notes ? elf_build_id_of_notes(notes, searched, build_id) : 0;
        if (size)
            return size;
    }
    return 0;
}

/* ---- symbols ------------------------------------------------------------------------------------- */

struct symbol_table {
    const uint8_t *symbols, *strings;
    uint64_t count, string_size;
};

/* Every name in it ends where the table does, at the latest. */
static bool is_sound(const struct symbol_table *table)
{
    return table->symbols && table->count <= SYMBOLS_MAX && table->strings && table->string_size &&
           !table->strings[table->string_size - 1];
}

static bool symbol_of(const struct symbol_table *table, uint64_t index, struct elf_symbol *symbol)
{
    Elf64_Sym entry;
    memcpy(&entry, table->symbols + index * sizeof entry, sizeof entry);
    symbol->type = ELF64_ST_TYPE(entry.st_info);
    symbol->binding = ELF64_ST_BIND(entry.st_info);
    if (entry.st_shndx == SHN_UNDEF || entry.st_shndx == SHN_ABS || entry.st_name >= table->string_size ||
        symbol->type == STT_SECTION || symbol->type == STT_FILE || symbol->type == STT_TLS)
        return false;
    symbol->name = (const char *)table->strings + entry.st_name;
    symbol->value = entry.st_value;
    symbol->size = entry.st_size;
    return *symbol->name;
}

static void each_symbol(const struct symbol_table *table, elf_symbol_use *use, void *argument)
{
    struct elf_symbol symbol;
    for (uint64_t i = 1; i < table->count; i++)
        if (symbol_of(table, i, &symbol) && !use(&symbol, argument))
            return;
}

void elf_all_symbols(const struct elf_file *file, elf_symbol_use *use, void *argument)
{
    const Elf64_Ehdr *elf = (const void *)file->bytes;
    Elf64_Shdr section, strings;
    const uint8_t *sections = at_offset(file, elf->e_shoff, (uint64_t)elf->e_shnum * sizeof section);
    if (!sections || elf->e_shentsize != sizeof section)
        return;
    for (unsigned i = 0; i < elf->e_shnum; i++) {
        memcpy(&section, sections + i * sizeof section, sizeof section);
        if (section.sh_type != SHT_SYMTAB || section.sh_link >= elf->e_shnum)
            continue;
        memcpy(&strings, sections + section.sh_link * sizeof section, sizeof strings);
        struct symbol_table table = {
            .symbols = at_offset(file, section.sh_offset, section.sh_size),
            .strings = at_offset(file, strings.sh_offset, strings.sh_size),
            .count = section.sh_size / sizeof(Elf64_Sym),
            .string_size = strings.sh_size,
        };
        if (is_sound(&table))
            each_symbol(&table, use, argument);
        return; /* there is one at most */
    }
}

/* What .dynamic says: virtual addresses; 0: it says nothing. */
struct dynamic {
    uint64_t symbols, strings, string_size, hash, gnu_hash;
};

static bool read_dynamic(const struct elf_file *file, struct dynamic *dynamic)
{
    Elf64_Phdr segment;
    unsigned i = 0;
    memset(dynamic, 0, sizeof *dynamic);
    do
        if (!elf_program_header(file->bytes, file->size, i++, &segment))
            return false;
    while (segment.p_type != PT_DYNAMIC);
    const uint8_t *bytes = at_offset(file, segment.p_offset, segment.p_filesz);
    Elf64_Dyn entry;
    for (uint64_t at = 0; bytes && segment.p_filesz - at >= sizeof entry; at += sizeof entry) {
        memcpy(&entry, bytes + at, sizeof entry);
        uint64_t value = entry.d_un.d_ptr;
        uint64_t address = value >= file->relocated ? value - file->relocated : value;
        switch (entry.d_tag) {
        case DT_NULL:
            return dynamic->symbols && dynamic->strings;
        case DT_SYMTAB:
            dynamic->symbols = address;
            break;
        case DT_STRTAB:
            dynamic->strings = address;
            break;
        case DT_STRSZ:
            dynamic->string_size = value;
            break;
        case DT_HASH:
            dynamic->hash = address;
            break;
        case DT_GNU_HASH:
            dynamic->gnu_hash = address;
            break;
        }
    }
    return dynamic->symbols && dynamic->strings;
}

static uint32_t word_at(const struct elf_file *file, uint64_t address)
{
    const void *place = elf_at(file, address, sizeof(uint32_t));
    uint32_t word = 0;
    if (place)
        memcpy(&word, place, sizeof word);
    return word;
}

/* DT_GNU_HASH: four words (buckets, first symbol, words of the Bloom filter, shift), the Bloom filter,
 * buckets, then for each symbol from the first on its hash with bit 0 set at the end of its bucket. */
struct gnu_hash {
    uint32_t buckets, first, blooms, shift;
    uint64_t bloom, bucket, chain; /* where these begin */
};

static bool read_gnu_hash(const struct elf_file *file, uint64_t address, struct gnu_hash *hash)
{
    if (!address || !elf_at(file, address, 16))
        return false;
    hash->buckets = word_at(file, address);
    hash->first = word_at(file, address + 4);
    hash->blooms = word_at(file, address + 8);
    hash->shift = word_at(file, address + 12);
    hash->bloom = address + 16;
    hash->bucket = hash->bloom + hash->blooms * UINT64_C(8);
    hash->chain = hash->bucket + hash->buckets * UINT64_C(4);
    return hash->buckets && hash->buckets <= SYMBOLS_MAX && hash->blooms;
}

/* What the chain has of a symbol; 1, the end of one, where there is no chain. */
static uint32_t chain_at(const struct elf_file *file, const struct gnu_hash *hash, uint64_t index)
{
    uint64_t place = hash->chain + (index - hash->first) * sizeof(uint32_t);
    return elf_at(file, place, sizeof(uint32_t)) ? word_at(file, place) : 1;
}

/* No section header is asked: memory has none. */
static uint64_t count_dynamic(const struct elf_file *file, const struct dynamic *dynamic)
{
    struct gnu_hash hash;
    if (dynamic->hash)
        return word_at(file, dynamic->hash + 4); /* nchain */
    if (!read_gnu_hash(file, dynamic->gnu_hash, &hash))
        return 0;
    uint32_t last = 0;
    const uint8_t *buckets = elf_at(file, hash.bucket, hash.buckets * sizeof last);
    for (uint32_t i = 0, symbol; buckets && i < hash.buckets; i++) {
        memcpy(&symbol, buckets + i * sizeof symbol, sizeof symbol);
        last = symbol > last ? symbol : last;
    }
    if (last < hash.first)
        return hash.first;
    uint64_t count = last + UINT64_C(1), end = count + CHAIN_MAX;
    while (count < end && !(chain_at(file, &hash, count - 1) & 1))
        count++;
    return count;
}

static bool dynamic_table(const struct elf_file *file, const struct dynamic *dynamic, uint64_t count,
                          struct symbol_table *table)
{
    table->count = count;
    table->string_size = dynamic->string_size;
    table->symbols = elf_at(file, dynamic->symbols, count * sizeof(Elf64_Sym));
    table->strings = elf_at(file, dynamic->strings, dynamic->string_size);
    return is_sound(table);
}

void elf_dynamic_symbols(const struct elf_file *file, elf_symbol_use *use, void *argument)
{
    struct dynamic dynamic;
    struct symbol_table table;
    if (read_dynamic(file, &dynamic) && dynamic_table(file, &dynamic, count_dynamic(file, &dynamic), &table))
        each_symbol(&table, use, argument);
}

struct wanted {
    const char *name;
    uint64_t value;
    bool is_found;
};

static bool is_wanted(const struct elf_symbol *symbol, void *argument)
{
    struct wanted *wanted = argument;
    if (strcmp(symbol->name, wanted->name))
        return true;
    wanted->value = symbol->value;
    wanted->is_found = true;
    return false;
}

static bool find_by_gnu_hash(const struct elf_file *file, const struct dynamic *dynamic,
                             const struct gnu_hash *hash, struct wanted *wanted)
{
    uint32_t key = 5381, entry;
    for (const char *c = wanted->name; *c; c++)
        key = key * 33 + (uint8_t)*c;
    uint64_t bits = 0;
    const void *bloom = elf_at(file, hash->bloom + key / 64 % hash->blooms * UINT64_C(8), 8);
    if (bloom)
        memcpy(&bits, bloom, sizeof bits);
    if (!(bits >> key % 64 & 1) || !(bits >> (key >> (hash->shift & 31)) % 64 & 1))
        return false;
    uint64_t index = word_at(file, hash->bucket + key % hash->buckets * UINT64_C(4));
    uint64_t end = index + CHAIN_MAX;
    if (index < hash->first)
        return false;
    do {
        entry = chain_at(file, hash, index);
        struct symbol_table table;
        struct elf_symbol symbol;
        if ((entry | 1) == (key | 1) && dynamic_table(file, dynamic, index + 1, &table) &&
            symbol_of(&table, index, &symbol) && !is_wanted(&symbol, wanted))
            return true;
        index++;
    } while (!(entry & 1) && index < end);
    return false;
}

bool elf_find_dynamic(const struct elf_file *file, const char *name, uint64_t *value)
{
    struct dynamic dynamic;
    struct gnu_hash hash;
    struct wanted wanted = {.name = name};
    if (!read_dynamic(file, &dynamic))
        return false;
    if (read_gnu_hash(file, dynamic.gnu_hash, &hash))
        find_by_gnu_hash(file, &dynamic, &hash, &wanted);
    else
        elf_dynamic_symbols(file, is_wanted, &wanted);
    *value = wanted.value;
    return wanted.is_found;
}
