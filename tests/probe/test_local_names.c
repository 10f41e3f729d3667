/* SPDX-License-Identifier: MIT
 *
 * Names of functions that are not exported (helper/probe/local_names.c, function_starts.c): of a library made
 * for it, and of this machine's libc, as far as its debug information is installed.
 */
#include "built.h"

#include "local_names.h"

static const char library[] =
    "#define APART __attribute__((noinline, noclone))\n"
    "#define LAST __asm__ volatile(\"\")\n"
    "volatile int counter;\n"
    "static APART void only_one_inner(void) { counter++; LAST; }\n"
    "static APART void only_one(void) { only_one_inner(); LAST; }\n"
    "static APART void of_two(void) { counter += 2; LAST; }\n"
    "static APART void called_by_of_two(void) { counter += 3; LAST; }\n"
    "static APART void of_two_again(void) { called_by_of_two(); LAST; }\n"
    "static APART void by_address(void) { counter += 4; LAST; }\n"
    "static APART void of_aliases(void) { counter += 5; LAST; }\n"
    "static APART void jumped_to(void) { counter += 6; LAST; }\n"
    "void apart(void) { __asm__ volatile(\".skip 200, 0x90\"); }\n" /* a jump beyond it takes 32 bits */
    "void first(void) { only_one(); of_two(); of_two_again(); LAST; }\n"
    "void second(void) { of_two(); of_two_again(); LAST; }\n"
    "void *third(void) { by_address(); return by_address; }\n"
    "void __fourth(void) { of_aliases(); LAST; }\n"
    "void fourth(void) __attribute__((alias(\"__fourth\")));\n"
    "void fifth(int n) { if (n) jumped_to(); }\n";

static const struct {
    const char *local, *expected;
} expected[] = {
    {"only_one", "first"},    {"only_one_inner", "first"}, {"of_two", NULL},
    {"of_two_again", NULL},   {"called_by_of_two", NULL},  {"by_address", NULL},
    {"of_aliases", "fourth"}, {"jumped_to", "fifth"},      {"first", "first"},
};

struct wanted {
    const char *name;
    uint64_t value;
};

static bool find_value(const struct elf_symbol *symbol, void *argument)
{
    struct wanted *wanted = argument;
    if (strcmp(symbol->name, wanted->name))
        return true;
    wanted->value = symbol->value;
    return false;
}

static void test_library(void **state)
{
    (void)state;
#ifndef __x86_64__
    skip();
#endif
    FILE *source = fopen(in_folder("local.c"), "w");
    assert_non_null(source);
    fputs(library, source);
    fclose(source);
    build("gcc -O2 -shared -fPIC", "%s/local.c -o %s/liblocal.so");
    struct elf_file file;
    struct local_names names;
    assert_true(elf_file_open(in_folder("liblocal.so"), &file));
    local_names_read(&file, &names);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct wanted wanted = {expected[i].local, 0};
        elf_all_symbols(&file, find_value, &wanted);
        assert_true(wanted.value);
        const char *found = local_names_find(&names, wanted.value + 1);
        const char *right = expected[i].expected;
        if ((found != NULL) != (right != NULL) || (found && strcmp(found, right)))
            fail_msg("%s is of %s instead of %s", wanted.name, found, right);
    }
    assert_null(local_names_find(&names, 0));
    local_names_free(&names);
    elf_file_close(&file);
}

/* The slow paths that threads wait in, by the names that glibc 2.36 and others give them. */
static const struct {
    const char *local, *expected;
} slow_paths[] = {
    {"__new_sem_wait_slow64.constprop.0", NULL},
    {"__pthread_mutex_lock_full", "pthread_mutex_lock"},
    {"__pthread_once_slow", "pthread_once"},
    {"__pthread_once_slow.isra.0", "pthread_once"},
};

static bool open_debug_file(const struct elf_file *file, struct elf_file *debug)
{
    uint8_t build_id[BUILD_ID_MAX];
    size_t size = elf_build_id(file, build_id);
    char path[256] = "/usr/lib/debug/.build-id/";
    for (size_t i = 0; i < size; i++)
        sprintf(path + strlen(path), i ? "%02x" : "%02x/", build_id[i]);
    return elf_file_open(strcat(path, ".debug"), debug);
}

static void test_libc(void **state)
{
    struct elf_file file, debug;
    struct local_names names;
    unsigned checked = 0;
    (void)state;
    if (!elf_file_open("/lib/x86_64-linux-gnu/libc.so.6", &file) || !open_debug_file(&file, &debug))
        skip();
    local_names_read(&file, &names);
    for (size_t i = 0; i < sizeof slow_paths / sizeof *slow_paths; i++) {
        struct wanted wanted = {slow_paths[i].local, 0};
        elf_all_symbols(&debug, find_value, &wanted);
        const char *found = wanted.value ? local_names_find(&names, wanted.value) : NULL;
        if (!wanted.value)
            continue;
        assert_non_null(found);
        if (slow_paths[i].expected)
            assert_string_equal(found, slow_paths[i].expected);
        else /* a clone each for sem_wait and sem_timedwait */
            assert_int_equal(strncmp(found, "sem_", 4), 0);
        checked++;
    }
    assert_true(checked > 0);
    /* each exported function is its own */
    uint64_t address;
    assert_true(elf_find_dynamic(&file, "sem_wait", &address));
    assert_string_equal(local_names_find(&names, address), "sem_wait");
    local_names_free(&names);
    elf_file_close(&debug);
    elf_file_close(&file);
}

/* Bytes of the file are changed one after the other: whatever is in it, nothing is read outside of it. */
static void test_damaged_files(void **state)
{
    struct elf_file file;
    (void)state;
    if (access(in_folder("liblocal.so"), R_OK))
        skip();
    assert_true(elf_file_open(in_folder("liblocal.so"), &file));
    uint8_t *bytes = malloc(file.size);
    uint32_t seed = 1;
    for (unsigned round = 0; round < 3000; round++) {
        size_t size = round % 3 ? file.size : 64 + (seed >> 8) % (file.size - 64);
        memcpy(bytes, file.bytes, size);
        for (unsigned i = 0; i < 1 + round % 8; i++) {
            seed = seed * 1664525 + 1013904223;
            size_t at = (seed >> 4) % (round % 2 ? size : 1024 < size ? 1024 : size);
            bytes[at] = (uint8_t)(seed >> 24);
        }
        struct elf_file damaged = {.bytes = bytes, .size = size};
        if (!elf_is_header(bytes, size))
            continue;
        struct local_names names;
        uint8_t build_id[BUILD_ID_MAX];
        uint64_t value;
        struct wanted wanted = {"", 0};
        local_names_read(&damaged, &names);
        local_names_find(&names, seed);
        local_names_free(&names);
        elf_build_id(&damaged, build_id);
        elf_find_dynamic(&damaged, "first", &value);
        elf_all_symbols(&damaged, find_value, &wanted);
        elf_dynamic_symbols(&damaged, find_value, &wanted);
    }
    free(bytes);
    elf_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_library),
        cmocka_unit_test(test_libc),
        cmocka_unit_test(test_damaged_files),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
