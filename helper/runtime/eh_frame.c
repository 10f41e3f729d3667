/* SPDX-License-Identifier: MIT */
#include "eh_frame.h"

/* The entry at `at`; of its bytes those behind the length. The 64-bit format is not in use. */
static struct cursor read_entry(uintptr_t at, uintptr_t start, uintptr_t end)
{
    struct cursor cursor = {NULL, (const uint8_t *)end};
    if (at >= start && at < end)
        cursor.at = (const uint8_t *)at;
    uint64_t length = read_uint(&cursor, 4);
    return read_block(&cursor, length ? length : UINT64_MAX);
}

static bool read_augmentation(struct cursor *cie, const uint8_t *letters, struct description *out)
{
    if (!*letters)
        return true;
    if (*letters++ != 'z')
        return false;
    out->has_augmentation = true;
    struct cursor data = read_block(cie, read_uleb128(cie));
    for (; *letters; letters++) {
        uint8_t encoding;
        switch (*letters) {
        case 'R': /* of the FDE's pointers */
            out->encoding = (uint8_t)read_uint(&data, 1);
            break;
        case 'P': /* personality routine */
            encoding = (uint8_t)read_uint(&data, 1);
            read_pointer(&data, encoding & (uint8_t)~ENCODED_INDIRECT, 0);
            break;
        case 'L': /* encoding of the pointer to exception tables */
            read_uint(&data, 1);
            break;
        case 'S': /* signal frame */
            out->is_signal_frame = true;
            break;
        case 'B': /* aarch64: return addresses signed with key B; memory tagging */
        case 'G':
            break;
        default:
            return false;
        }
    }
    return data.at != NULL;
}

static bool read_common(struct cursor cie, struct description *out)
{
    if (read_uint(&cie, 4) != 0) /* the id of a CIE; in an FDE: how far back its CIE is */
        return false;
    uint64_t version = read_uint(&cie, 1);
    const uint8_t *letters = cie.at;
    while (read_uint(&cie, 1))
        ;
    out->code_factor = read_uleb128(&cie);
    out->data_factor = read_sleb128(&cie);
    uint64_t return_register = version == 1 ? read_uint(&cie, 1) : read_uleb128(&cie);
    if (!cie.at || (version != 1 && version != 3) || return_register != REGISTER_RA)
        return false;
    if (!read_augmentation(&cie, letters, out))
        return false;
    out->common_code = cie;
    return cie.at != NULL;
}

/* False: no well-formed FDE is at `at`. */
static bool read_description(uintptr_t at, uintptr_t start, uintptr_t end, struct description *out)
{
    struct cursor fde = read_entry(at, start, end);
    uintptr_t id_at = (uintptr_t)fde.at;
    uintptr_t to_cie = read_uint(&fde, 4);
    if (!fde.at || !to_cie || to_cie > id_at - start)
        return false;
    memset(out, 0, sizeof *out);
    if (!read_common(read_entry(id_at - to_cie, start, end), out))
        return false;
    out->start = read_pointer(&fde, out->encoding, 0);
    out->size = read_pointer(&fde, out->encoding & 0x0f, 0);
    if (out->has_augmentation)
        read_block(&fde, read_uleb128(&fde));
    out->code = fde;
    return fde.at != NULL;
}

static bool describes(const struct description *description, uintptr_t pc)
{
    return pc - description->start < description->size;
}

/* Looks up the binary search table: pairs of 32-bit offsets from the section to a function and to its FDE,
 * sorted. */
static bool search_table(struct cursor table, uint64_t count, uintptr_t pc, uintptr_t section, uintptr_t *fde)
{
    struct cursor bytes = {table.at, table.end};
    if (count > UINT32_MAX || !take(&bytes, count * 8))
        return false;
    uint64_t low = 0, high = count;
    int32_t pair[2];
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        memcpy(pair, table.at + middle * 8, sizeof pair);
        if (section + (uintptr_t)pair[0] <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low)
        return false;
    memcpy(pair, table.at + (low - 1) * 8, sizeof pair);
    *fde = section + (uintptr_t)pair[1];
    return true;
}

/* Goes through all of .eh_frame, which ends with an entry of length 0. */
static bool search_section(uintptr_t at, uintptr_t pc, uintptr_t start, uintptr_t end,
                           struct description *out)
{
    for (;;) {
        struct cursor entry = read_entry(at, start, end);
        if (!entry.at)
            return false;
        if (read_description(at, start, end, out) && describes(out, pc))
            return true;
        at = (uintptr_t)entry.end;
    }
}

bool eh_frame_find(uintptr_t pc, uintptr_t section, uintptr_t start, uintptr_t end, struct description *out)
{
    struct cursor header = {NULL, (const uint8_t *)end};
    if (section >= start && section < end)
        header.at = (const uint8_t *)section;
    uint64_t version = read_uint(&header, 1);
    uint8_t frames_encoding = (uint8_t)read_uint(&header, 1);
    uint8_t count_encoding = (uint8_t)read_uint(&header, 1);
    uint8_t table_encoding = (uint8_t)read_uint(&header, 1);
    uintptr_t frames = read_pointer(&header, frames_encoding, section);
    if (!header.at || version != 1)
        return false;
    if (count_encoding != ENCODED_OMIT && table_encoding == (ENCODED_DATAREL | ENCODED_SDATA4)) {
        uintptr_t fde;
        uint64_t count = read_pointer(&header, count_encoding, section);
        return search_table(header, count, pc, section, &fde) && read_description(fde, start, end, out) &&
               describes(out, pc);
    }
    return search_section(frames, pc, start, end, out);
}
