/* SPDX-License-Identifier: MIT
 *
 * Call frame information that is malformed: copies of this program's own with bytes changed, cut short or
 * made up. Whatever is in them, the reader ends and stays within its bounds, which is seen by building it
 * with -fsanitize=address,undefined. Linked with cfi.c and eh_frame.c alone.
 */
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cfi.h"

#define ROUNDS 200000 /* a few seconds */

/* A copy, in memory of its own size, of all from .eh_frame_hdr to the end of its segment. Offsets inside stay
 * right, so that what describes the function at `pc` in the original describes pc + `moved` here. */
struct copy {
    uint8_t *bytes;
    const uint8_t *original;
    size_t size;
    uintptr_t moved;
};

static struct copy copy;

static int find_section(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size, (void)unused;
    uintptr_t section = 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
            section = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && section - start < info->dlpi_phdr[i].p_filesz) {
            copy.original = (const uint8_t *)section;
            copy.size = start + info->dlpi_phdr[i].p_filesz - section;
        }
    }
    return 1; /* the program itself comes first */
}

static int make_copy(void **state)
{
    (void)state;
    dl_iterate_phdr(find_section, NULL);
    copy.bytes = malloc(copy.size);
    memcpy(copy.bytes, copy.original, copy.size);
    copy.moved = (uintptr_t)copy.bytes - (uintptr_t)copy.original;
    return 0;
}

static int drop_copy(void **state)
{
    (void)state;
    free(copy.bytes);
    return 0;
}

static uint32_t random_number(void)
{
    static uint64_t state = 88172645463325252u; /* xorshift: the same numbers each time */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static uint32_t entry_count(void)
{
    uint32_t count;
    memcpy(&count, copy.original + 8, sizeof count); /* behind four encodings and the pointer to .eh_frame */
    return count;
}

/* The start of function `i` of the table, in the original. */
static uintptr_t function_at(uint32_t i)
{
    int32_t offset;
    memcpy(&offset, copy.original + 12 + i * 8, sizeof offset);
    return (uintptr_t)copy.original + (uintptr_t)offset;
}

static cfi_rule_t find_in_copy(uintptr_t pc)
{
    uintptr_t start = (uintptr_t)copy.bytes;
    return cfi_find(pc + copy.moved, start, start, start + copy.size);
}

static cfi_rule_t find_in_original(uintptr_t pc)
{
    uintptr_t start = (uintptr_t)copy.original;
    return cfi_find(pc, start, start, start + copy.size);
}

static void a_copy_has_the_same_rules(void **state)
{
    (void)state;
    assert_true(entry_count() > 10);
    unsigned rules = 0;
    for (uint32_t i = 0; i < entry_count(); i++)
        for (uintptr_t pc = function_at(i); pc < function_at(i) + 40; pc += 5) {
            cfi_rule_t rule = find_in_original(pc);
            assert_int_equal(find_in_copy(pc), rule);
            rules += rule != CFI_NONE;
        }
    assert_true(rules > entry_count());
}

static void without_the_table_the_whole_section_is_searched(void **state)
{
    (void)state;
    uint8_t encoding = copy.bytes[3];
    copy.bytes[3] = 0xff;
    for (uint32_t i = 0; i < entry_count(); i++)
        for (uintptr_t pc = function_at(i); pc < function_at(i) + 40; pc += 5)
            assert_int_equal(find_in_copy(pc), find_in_original(pc));
    copy.bytes[3] = encoding;
}

static void look_up_some(void)
{
    for (int i = 0; i < 8; i++)
        find_in_copy(function_at(random_number() % entry_count()) + random_number() % 64);
    find_in_copy(random_number());
}

/* A position at which a change matters: in the header and table, or in the entries. */
static size_t interesting_position(void)
{
    switch (random_number() % 4) {
    case 0:
        return random_number() % 12;
    case 1:
        return random_number() % (12 + entry_count() * 8);
    default:
        return random_number() % copy.size;
    }
}

static uint8_t interesting_byte(void)
{
    static const uint8_t bytes[] = {0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x0b, 0x0c, 0x0f, 0x10, 'z', 'R'};
    return random_number() % 2 ? bytes[random_number() % sizeof bytes] : (uint8_t)random_number();
}

static void changed_bytes(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t at[6];
        unsigned count = 1 + random_number() % 6;
        for (unsigned i = 0; i < count; i++)
            copy.bytes[at[i] = interesting_position()] = interesting_byte();
        if (random_number() % 500 == 0)
            copy.bytes[3] = 0xff; /* no table: all of .eh_frame is searched */
        look_up_some();
        memcpy(copy.bytes, copy.original, 12);
        for (unsigned i = 0; i < count; i++)
            copy.bytes[at[i]] = copy.original[at[i]];
    }
    assert_memory_equal(copy.bytes, copy.original, copy.size);
}

static void cut_short(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        size_t size = round < 200 ? round : random_number() % copy.size;
        uint8_t *part = malloc(size ? size : 1);
        memcpy(part, copy.original, size);
        uintptr_t moved = (uintptr_t)part - (uintptr_t)copy.original;
        for (int i = 0; i < 4; i++)
            cfi_find(function_at(random_number() % entry_count()) + moved, (uintptr_t)part, (uintptr_t)part,
                     (uintptr_t)part + size);
        free(part);
    }
}

/* One function at 0x1000, 0x1000 bytes long, with the given instructions; no table. */
static cfi_rule_t find_in_program(const uint8_t *code, size_t size, uintptr_t pc)
{
    static const uint8_t cie[] = {0x14, 0,    0, 0, 0,    0, 0, 0, 1, 0, 1, 0x78,
                                  16,   0x0c, 7, 8, 0x90, 1, 0, 0, 0, 0, 0, 0};
    size_t fde_size = 4 + 4 + 16 + size, total = 12 + sizeof cie + fde_size;
    uint8_t *all = malloc(total), *fde = all + 12 + sizeof cie;
    uint32_t length = (uint32_t)fde_size - 4, to_cie = (uint32_t)(sizeof cie + 4);
    uint64_t range[2] = {0x1000, 0x1000};
    static const uint8_t header[] = {1, 0x1b, 0xff, 0xff, 8, 0, 0, 0, 0, 0, 0, 0}; /* pcrel, sdata4 */
    memcpy(all, header, sizeof header);
    memcpy(all + 12, cie, sizeof cie);
    memcpy(fde, &length, 4);
    memcpy(fde + 4, &to_cie, 4);
    memcpy(fde + 8, range, 16);
    memcpy(fde + 24, code, size);
    cfi_rule_t rule = cfi_find(pc, (uintptr_t)all, (uintptr_t)all, (uintptr_t)all + total);
    free(all);
    return rule;
}

#define FIND(pc, ...)                                                                                        \
    find_in_program((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), pc)

static void hand_made_instructions(void **state)
{
    (void)state;
    cfi_rule_t plain = FIND(0x1800, 0);
    assert_int_equal(cfi_base(plain), CFI_FROM_SP);
    assert_int_equal(cfi_offset(plain), 8);
    assert_int_equal(cfi_ra_slot(plain), -8);
    assert_false(cfi_fp_is_saved(plain));
    assert_int_equal(FIND(0xfff, 0), CFI_NONE);
    assert_int_equal(FIND(0x2000, 0), CFI_NONE);
    assert_int_equal(cfi_offset(FIND(0x1004, 0x45, 0x0e, 16)), 8);        /* advance_loc 5 */
    assert_int_equal(cfi_offset(FIND(0x1005, 0x45, 0x0e, 16)), 16);       /* def_cfa_offset */
    assert_int_equal(cfi_offset(FIND(0x1100, 0x03, 0, 1, 0x0e, 16)), 16); /* advance_loc2 */
    assert_int_equal(cfi_offset(FIND(0x10ff, 0x03, 0, 1, 0x0e, 16)), 8);
    assert_int_equal(cfi_offset(FIND(0x1800, 0x13, 0x78)), 64);           /* def_cfa_offset_sf -8 */
    assert_int_equal(cfi_base(FIND(0x1800, 0x12, 6, 0x78)), CFI_FROM_FP); /* def_cfa_sf */
    assert_int_equal(FIND(0x1800, 0x07, 16), CFI_OUTERMOST);              /* undefined */
    assert_int_equal(FIND(0x1800, 0x07, 16, 0x11, 16, 1), plain);         /* offset_extended_sf */
    assert_int_equal(cfi_fp_slot(FIND(0x1800, 0x0e, 16, 0x2f, 6, 0)), 0);
    assert_int_equal(FIND(0x1800, 0x08, 16), CFI_NONE);            /* same_value */
    assert_int_equal(FIND(0x1800, 0x14, 6, 2), CFI_NONE);          /* val_offset */
    assert_int_equal(FIND(0x1800, 0x16, 6, 2, 0x76, 0), CFI_NONE); /* val_expression */
    assert_int_equal(FIND(0x1800, 0x0f, 3, 0x76, 0x78, 0x06) & 3, CFI_LOADED_BY_FP);
    assert_int_equal(FIND(0x1800, 0x0f, 3, 0x77, 0x78, 0x06), CFI_NONE);
    assert_int_equal(FIND(0x1800, 0x0f, 9, 0x76), CFI_NONE); /* longer than there is */
    assert_int_equal(FIND(0x1800, 0x0e, 0x80), CFI_NONE);
    assert_int_equal(FIND(0x1800, 0x0e, 12), CFI_NONE); /* not aligned */
    assert_int_equal(FIND(0x1800, 0x0e, 0), CFI_NONE);
    assert_int_equal(FIND(0x1800, 0x86, 2), CFI_NONE); /* below the stack pointer */
    assert_int_equal(FIND(0x1800, 0x0b), CFI_NONE);    /* nothing remembered */
    assert_int_equal(FIND(0x1800, 0x0a, 0x0e, 16, 0x0b), plain);
    assert_int_equal(FIND(0x1800, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a), CFI_NONE);
    assert_int_equal(FIND(0x1800, 0x3f), CFI_NONE); /* unknown */
    assert_int_equal(FIND(0x1800, 0x0a, 0x0e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), CFI_NONE);
}

static void random_instructions(void **state)
{
    (void)state;
    uint8_t code[64];
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t size = random_number() % sizeof code;
        for (size_t i = 0; i < size; i++)
            code[i] = random_number() % 3 ? (uint8_t)(random_number() % 0x18) : interesting_byte();
        cfi_rule_t rule = find_in_program(code, size, 0x1000 + random_number() % 0x1000);
        if (cfi_is_plain(rule)) { /* what a walk relies on */
            assert_true(cfi_offset(rule) > 0 && cfi_offset(rule) % 8 == 0);
            assert_true(cfi_ra_slot(rule) < 0 && cfi_ra_slot(rule) >= -cfi_offset(rule));
            assert_true(cfi_fp_slot(rule) <= 0 && cfi_fp_slot(rule) >= -cfi_offset(rule));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_has_the_same_rules),
        cmocka_unit_test(without_the_table_the_whole_section_is_searched),
        cmocka_unit_test(hand_made_instructions),
        cmocka_unit_test(random_instructions),
        cmocka_unit_test(changed_bytes),
        cmocka_unit_test(cut_short),
    };
    return cmocka_run_group_tests(tests, make_copy, drop_copy);
}
