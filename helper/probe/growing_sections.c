/* SPDX-License-Identifier: MIT
 *
 * Sources: elf(5); the .xz file format, 1.1.0, sections 2 and 3; LZMA2 as in lzma2_decode of
 * linux/lib/xz/xz_dec_lzma2.c.
 */
#include "growing_sections.h"

#include <elf.h>
#include <string.h>

#define SECTIONS_MAX (1u << 20)                /* libelf takes memory for each */
#define SMALL (UINT64_C(16) << 20)             /* grows as it likes */
#define GROWTH_MAX 32                          /* DWARF shrinks to a third, names to a tenth */
#define SYMBOLS_SIZE_MAX (UINT64_C(256) << 20) /* of .gnu_debugdata, unpacked */

static uint32_t big_endian(const uint8_t *bytes, unsigned size)
{
    uint32_t number = 0;
    while (size--)
        number = number << 8 | *bytes++;
    return number;
}

/* ---- xz ------------------------------------------------------------------------------------------ */

/* `*at` goes past the chunks of a block, each of which tells its size, and that of what it becomes. False: it
 * is damaged, or becomes too large. */
static bool skip_chunks(const uint8_t *bytes, size_t size, size_t *at, uint64_t *unpacked)
{
    while (*at < size && bytes[*at]) {
        const uint8_t *chunk = bytes + *at;
        bool is_packed = chunk[0] >= 0x80;
        size_t header = !is_packed ? 3 : chunk[0] >= 0xc0 ? 6 : 5;
        if ((!is_packed && chunk[0] > 2) || size - *at < header)
            return false;
        uint32_t length = big_endian(chunk + 1, 2) + 1;
        *unpacked += is_packed ? length + ((chunk[0] & 0x1fu) << 16) : length;
        *at += header + (is_packed ? big_endian(chunk + 3, 2) + 1 : length);
        if (*unpacked > SYMBOLS_SIZE_MAX)
            return false;
    }
    return *at < size;
}

/* A header of 12 bytes, blocks, and an index, which begins with a zero. */
static bool is_small_xz(const uint8_t *bytes, size_t size)
{
    static const uint8_t magic[] = {0xfd, '7', 'z', 'X', 'Z', 0};
    static const uint8_t check_sizes[] = {0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64};
    if (size < 12 || memcmp(bytes, magic, sizeof magic))
        return false;
    uint64_t unpacked = 0;
    size_t at = 12, check = check_sizes[bytes[7] & 15];
    while (at < size && bytes[at]) {
        at += (bytes[at] + (size_t)1) * 4;
        if (!skip_chunks(bytes, size, &at, &unpacked))
            return false;
        at = ((at + 1 + 3) & ~(size_t)3) + check;
    }
    return true;
}

/* ---- sections ------------------------------------------------------------------------------------ */

static bool grows_too_much(const Elf64_Shdr *section, const char *name, const uint8_t *content)
{
    Elf64_Chdr header;
    uint64_t unpacked = 0;
    if (!strcmp(name, ".gnu_debugdata"))
        return !is_small_xz(content, section->sh_size);
    if (section->sh_flags & SHF_COMPRESSED && section->sh_size >= sizeof header) {
        memcpy(&header, content, sizeof header);
        unpacked = header.ch_size;
    } else if (!strncmp(name, ".zdebug", 7) && section->sh_size >= 12) { /* "ZLIB", then the size */
        unpacked = (uint64_t)big_endian(content + 4, 4) << 32 | big_endian(content + 8, 4);
    }
    return unpacked > SMALL && unpacked / GROWTH_MAX > section->sh_size;
}

bool growing_sections_empty(uint8_t *bytes, size_t size)
{
    Elf64_Ehdr elf;
    Elf64_Shdr section, names;
    memcpy(&elf, bytes, sizeof elf);
    if (!elf.e_shoff)
        return true;
    if (elf.e_shoff > size || size - elf.e_shoff < sizeof section || elf.e_shentsize != sizeof section)
        return false;
    uint8_t *table = bytes + elf.e_shoff;
    memcpy(&section, table, sizeof section);
    /* what is too much for the header is in section 0 */
    uint64_t count = elf.e_shnum ? elf.e_shnum : section.sh_size;
    uint64_t index = elf.e_shstrndx == SHN_XINDEX ? section.sh_link : elf.e_shstrndx;
    if (count > SECTIONS_MAX || count > (size - elf.e_shoff) / sizeof section)
        return false;
    if (index >= count)
        return true;
    memcpy(&names, table + index * sizeof names, sizeof names);
    if (names.sh_offset > size || names.sh_size > size - names.sh_offset || !names.sh_size ||
        bytes[names.sh_offset + names.sh_size - 1])
        return false;
    for (uint64_t i = 0; i < count; i++) {
        memcpy(&section, table + i * sizeof section, sizeof section);
        if (section.sh_name >= names.sh_size || section.sh_offset > size ||
            section.sh_size > size - section.sh_offset ||
            !grows_too_much(&section, (const char *)bytes + names.sh_offset + section.sh_name,
                            bytes + section.sh_offset))
            continue;
        section.sh_type = SHT_NOBITS;
        section.sh_flags &= ~(uint64_t)SHF_COMPRESSED;
        section.sh_size = 0;
        memcpy(table + i * sizeof section, &section, sizeof section);
    }
    return true;
}
