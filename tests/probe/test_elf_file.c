/* SPDX-License-Identifier: MIT
 *
 * ELF files that are made up to take time: sparse ones, whose headers promise gigabytes of nothing, are done
 * with at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "elf_file.h"

#define GIGABYTE (UINT64_C(1) << 30)
#define SIZE (UINT64_C(60) * GIGABYTE)

enum { SECONDS = 10 }; /* it takes milliseconds, and minutes where nothing bounds it */
enum { DYNAMIC = 0x1000, HASH = 0x2000, STRINGS = 0x3000, SECTIONS = 0x4000, SYMBOLS = 0x5000 };

static int handle;
static char path[64];

static void put(uint64_t offset, const void *bytes, size_t size)
{
    assert_int_equal(pwrite(handle, bytes, size, (off_t)offset), size);
}

static void begin(const Elf64_Phdr *segments, uint16_t count)
{
    Elf64_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_DYN,
        .e_machine = EM_X86_64,
        .e_phoff = sizeof header,
        .e_phentsize = sizeof *segments,
        .e_phnum = count,
        .e_shoff = SECTIONS,
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = 3,
    };
    handle = memfd_create("elf", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", handle);
    assert_int_equal(ftruncate(handle, SIZE), 0);
    put(0, &header, sizeof header);
    put(sizeof header, segments, count * sizeof *segments);
    alarm(SECONDS);
}

static void end(struct elf_file *file)
{
    alarm(0);
    elf_file_close(file);
    close(handle);
}

/* All zeros from the symbols on: no chain ends, and no symbol is defined. */
static void begin_with_hash(int64_t tag, const uint32_t *hash, size_t size)
{
    Elf64_Phdr segments[] = {
        {.p_type = PT_LOAD, .p_filesz = SIZE, .p_memsz = SIZE},
        {.p_type = PT_DYNAMIC, .p_offset = DYNAMIC, .p_filesz = 5 * sizeof(Elf64_Dyn)},
    };
    Elf64_Dyn dynamic[] = {
        {DT_SYMTAB, {SYMBOLS}}, {DT_STRTAB, {STRINGS}}, {DT_STRSZ, {16}}, {tag, {HASH}}, {DT_NULL, {0}}};
    begin(segments, 2);
    put(DYNAMIC, dynamic, sizeof dynamic);
    put(HASH, hash, size);
}

static bool count(const struct elf_symbol *symbol, void *argument)
{
    (void)symbol;
    ++*(unsigned *)argument;
    return true;
}

static void look(void)
{
    struct elf_file file;
    uint64_t value;
    unsigned found = 0;
    assert_true(elf_file_open(path, &file));
    assert_false(elf_find_dynamic(&file, "threadleak_registry", &value));
    elf_dynamic_symbols(&file, count, &found);
    assert_int_equal(found, 0);
    end(&file);
}

static void chains_without_an_end(void **state)
{
    (void)state;
    uint64_t all = UINT64_MAX;
    uint32_t hash[] = {1, 1, 1, 0, 0, 0, 1, 0}; /* one bucket, from symbol 1 on */
    memcpy(hash + 4, &all, sizeof all);
    begin_with_hash(DT_GNU_HASH, hash, sizeof hash);
    look();
    hash[6] = UINT32_MAX; /* the last symbol that there can be: what comes then is not 0 */
    begin_with_hash(DT_GNU_HASH, hash, sizeof hash);
    look();
}

static void more_buckets_than_symbols_are_believed(void **state)
{
    (void)state;
    uint64_t all = UINT64_MAX;
    uint32_t hash[] = {UINT32_MAX, 1, 1, 0, 0, 0};
    memcpy(hash + 4, &all, sizeof all);
    begin_with_hash(DT_GNU_HASH, hash, sizeof hash);
    look();
    uint32_t old[] = {1, UINT32_MAX};
    begin_with_hash(DT_HASH, old, sizeof old);
    look();
}

static void notes_of_nothing(void **state)
{
    (void)state;
    struct elf_file file;
    uint8_t build_id[BUILD_ID_MAX];
    Elf64_Phdr notes[] = {{.p_type = PT_NOTE, .p_offset = SYMBOLS, .p_filesz = SIZE - SYMBOLS}};
    begin(notes, 1);
    assert_true(elf_file_open(path, &file));
    assert_int_equal(elf_build_id(&file, build_id), 0);
    end(&file);
}

static void symbols_of_nothing(void **state)
{
    (void)state;
    struct elf_file file;
    unsigned found = 0;
    Elf64_Phdr segment = {.p_type = PT_LOAD, .p_filesz = SIZE, .p_memsz = SIZE};
    Elf64_Shdr sections[] = {
        {.sh_type = SHT_NULL},
        {.sh_type = SHT_SYMTAB, .sh_offset = SYMBOLS, .sh_size = SIZE - SYMBOLS, .sh_link = 2},
        {.sh_type = SHT_STRTAB, .sh_offset = STRINGS, .sh_size = 16},
    };
    begin(&segment, 1);
    put(SECTIONS, sections, sizeof sections);
    assert_true(elf_file_open(path, &file));
    elf_all_symbols(&file, count, &found);
    assert_int_equal(found, 0);
    end(&file);
}

/* Also one that is larger than any program, and what only waits or does things. */
static void what_is_no_file(void **state)
{
    (void)state;
    struct elf_file file;
    char pipe[] = "/tmp/threadleak-pipe-XXXXXX";
    Elf64_Phdr segment = {.p_type = PT_LOAD};
    begin(&segment, 1);
    assert_int_equal(ftruncate(handle, INT64_C(1) << 42), 0);
    assert_false(elf_file_open(path, &file));
    close(handle);
    close(mkstemp(pipe));
    unlink(pipe);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_false(elf_file_open(pipe, &file));
    unlink(pipe);
    assert_false(elf_file_open("/dev/tty", &file));
    assert_false(elf_file_open("/dev/zero", &file));
    assert_false(elf_file_open("/proc/kcore", &file));
    assert_false(elf_file_open("/", &file));
    alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_without_an_end), cmocka_unit_test(more_buckets_than_symbols_are_believed),
        cmocka_unit_test(notes_of_nothing),      cmocka_unit_test(symbols_of_nothing),
        cmocka_unit_test(what_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
