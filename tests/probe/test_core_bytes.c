/* SPDX-License-Identifier: MIT
 *
 * Cores whose bytes are made here: what is read of valid ones, and that hostile ones are refused or give
 * what can be trusted of them. Every case is read from memory and from a file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch.h"
#include "core_image.h"
#include "source.h"

static struct core_image image;
static struct registers registers;

/* From a file, whose size may be more or less than the image's. */
static struct source *open_as_file(size_t size)
{
    char path[64];
    int descriptor = memfd_create("core", 0);
    size_t part = size < image.size ? size : image.size;
    assert_int_equal(write(descriptor, image.bytes, part), part);
    assert_int_equal(ftruncate(descriptor, (off_t)size), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    struct source *source = core_open(path);
    close(descriptor);
    return source;
}

static struct source *open_whole(void)
{
    struct source *of_memory = core_open_memory(image.bytes, image.size);
    struct source *of_file = open_as_file(image.size);
    assert_int_equal(!of_memory, !of_file);
    if (of_memory) {
        assert_int_equal(of_memory->info.thread_count, of_file->info.thread_count);
        assert_int_equal(of_memory->info.missing, of_file->info.missing);
        of_memory->operations->close(of_memory);
    }
    return of_file;
}

static void close_source(struct source *source)
{
    source->operations->close(source);
}

static void refused(const char *reason)
{
    struct source *source = open_whole();
    assert_null(source);
    if (!strstr(threadleak_probe_error(), reason))
        fail_msg("expected \"%s\" in: %s", reason, threadleak_probe_error());
}

static size_t read_at(struct source *source, uint64_t address, void *buffer, size_t size)
{
    return source->operations->read(source, address, buffer, size);
}

static void is_a_process(void **state)
{
    (void)state;
    image_process(&image, EM_X86_64);
    image_memory(&image);
    image_end(&image);
    struct source *source = open_whole();
    assert_non_null(source);
    assert_int_equal(source->info.kind, THREADLEAK_PROBE_CORE);
    assert_int_equal(source->info.machine, EM_X86_64);
    assert_int_equal(source->info.pid, 100);
    assert_int_equal(source->info.own_pid, 100);
    assert_int_equal(source->info.missing, 0);
    assert_int_equal(source->info.thread_count, 2);
    assert_string_equal(source->info.command, "program");
    assert_int_equal(source->program, 0x400040);
    assert_int_equal(source->vdso, 0x7fff1000);
    assert_string_equal(source->root, "");
    assert_int_equal(source->mapping_count, 3);
    assert_int_equal(source->mappings[1].offset, 0x1000);
    assert_string_equal(source->mappings[1].path, "/bin/program");
    assert_int_equal(source->mappings[2].end, 0x7f3000);
    assert_string_equal(source->mappings[2].path, "/lib/libc.so.6");

    struct threadleak_probe_thread *threads = source->threads;
    assert_int_equal(threads[0].state, THREADLEAK_PROBE_ALIVE);
    assert_int_equal(threads[0].pthread, 0x7000);
    assert_int_equal(threads[0].syscall, -1);
    assert_true(source->operations->look(source, 0, &registers));
    assert_int_equal(threads[0].state, THREADLEAK_PROBE_BLOCKED);
    assert_int_equal(threads[0].syscall, 202);
    assert_int_equal(threads[0].sp, IMAGE_STACK + 0x100);
    assert_int_equal(registers.value[source->arch->sp], IMAGE_STACK + 0x100);
    assert_int_equal(registers.value[source->arch->pc], 0x401010);
    assert_int_equal(registers.known, (1 << 17) - 1);
    assert_true(source->operations->look(source, 1, &registers));
    assert_int_equal(threads[1].state, THREADLEAK_PROBE_RUNNING);
    assert_int_equal(threads[1].syscall, -1);
    assert_int_equal(threads[1].tid, 101);
    assert_null(source->operations->thread_name(source, 1));
    close_source(source);
}

static void adjacent_segments_read_as_one(void **state)
{
    (void)state;
    uint8_t buffer[0x1000];
    image_process(&image, EM_X86_64);
    image_memory(&image);
    image_end(&image);
    struct source *source = open_whole();
    assert_int_equal(read_at(source, IMAGE_MEMORY + 0x7f0, buffer, 0x20), 0x20);
    assert_int_equal(buffer[0x0f], 0xff);
    assert_int_equal(buffer[0x10], 0x00);
    assert_int_equal(buffer[0x1f], 0x0f);
    assert_int_equal(read_at(source, IMAGE_MEMORY, buffer, sizeof buffer), 0x900);
    assert_int_equal(read_at(source, IMAGE_MEMORY - 1, buffer, 8), 0);
    assert_int_equal(read_at(source, IMAGE_MEMORY + 0x900, buffer, 8), 0);
    assert_int_equal(read_at(source, UINT64_MAX - 3, buffer, 8), 0);
    assert_int_equal(read_at(source, IMAGE_STACK + 0xffc, buffer, 8), 4);
    close_source(source);
}

static void code_tells_of_aarch64(void **state)
{
    (void)state;
    const uint32_t svc = 0xd4000001, nop = 0xd503201f;
    uint32_t codes[][2] = {{svc, nop}, {nop, svc}, {nop, nop}};
    uint32_t expected[] = {THREADLEAK_PROBE_BLOCKED, THREADLEAK_PROBE_BLOCKED, THREADLEAK_PROBE_RUNNING};
    for (int i = 0; i < 3; i++) {
        image_process(&image, EM_AARCH64);
        image_segment(&image, 0x40100c, codes[i], sizeof codes[i]);
        image_end(&image);
        struct source *source = open_whole();
        assert_non_null(source);
        assert_int_equal(source->threads[0].pthread, 0x7000);
        assert_int_equal(source->threads[1].pthread, 0x8000);
        source->operations->look(source, 0, &registers);
        assert_int_equal(source->threads[0].state, expected[i]);
        assert_int_equal(source->threads[0].syscall, i < 2 ? 98 : -1);
        assert_int_equal(source->threads[0].pc, 0x401010);
        assert_int_equal(registers.value[31], IMAGE_STACK + 0x100);
        close_source(source);
    }
    image_process(&image, EM_AARCH64);
    image_memory(&image);
    image_end(&image);
    struct source *source = open_whole();
    source->operations->look(source, 0, &registers);
    assert_int_equal(source->threads[0].state, THREADLEAK_PROBE_ALIVE); /* no code, no guess */
    assert_int_equal(source->threads[0].syscall, -1);
    close_source(source);
}

static void code_contradicts_orig_rax(void **state)
{
    (void)state;
    image_process(&image, EM_X86_64);
    image_segment(&image, 0x40100e, "\xcd\x80", 2); /* int $0x80: a number of another table */
    image_end(&image);
    struct source *source = open_whole();
    source->operations->look(source, 0, &registers);
    assert_int_equal(source->threads[0].state, THREADLEAK_PROBE_RUNNING);
    assert_int_equal(source->threads[0].syscall, -1);
    close_source(source);
}

static void decodes_what_it_encodes(void **state)
{
    (void)state;
    const struct arch *arches[] = {&arch_x86_64, &arch_aarch64};
    for (int i = 0; i < 2; i++) {
        const struct arch *arch = arches[i];
        uint8_t bytes[USER_REGISTERS_MAX];
        struct registers given = {.known = (UINT64_C(1) << arch->register_count) - 1}, found;
        struct threadleak_probe_thread thread = {
            .sp = 0x1000, .pc = 0x2000, .syscall = -1, .pthread = 0x3000};
        for (uint32_t k = 0; k < arch->register_count; k++)
            given.value[k] = 0x100 + k;
        given.value[arch->sp] = thread.sp;
        if (arch->pc >= 0)
            given.value[arch->pc] = thread.pc;
        arch->encode(&given, &thread, bytes);
        thread.sp = thread.pc = 0;
        arch->decode(bytes, &found, &thread);
        assert_memory_equal(given.value, found.value, arch->register_count * sizeof(uint64_t));
        assert_int_equal(found.known, given.known);
        assert_int_equal(thread.sp, 0x1000);
        assert_int_equal(thread.pc, 0x2000);
        assert_int_equal(thread.pthread, 0x3000);

        given.known = 0; /* as of a process that is not stopped */
        thread.syscall = 7;
        memcpy(thread.arguments, (uint64_t[6]){1, 2, 3, 4, 5, 6}, sizeof thread.arguments);
        arch->encode(&given, &thread, bytes);
        struct threadleak_probe_thread again = {0};
        arch->decode(bytes, &found, &again);
        assert_memory_equal(again.arguments, thread.arguments, sizeof again.arguments);
        arch_set_state(arch, &found, &again, arch->syscall_instruction, arch->syscall_size);
        assert_int_equal(again.syscall, 7);
        assert_int_equal(again.state, THREADLEAK_PROBE_BLOCKED);
    }
}

/* ---- snapshots ----------------------------------------------------------------------------------- */

static size_t snapshot(uint32_t first_tid)
{
    size_t at = image_snapshot(&image, first_tid);
    image_memory(&image);
    image_end(&image);
    return at;
}

static void a_snapshot_tells_more(void **state)
{
    (void)state;
    snapshot(100);
    struct source *source = open_whole();
    struct threadleak_probe_thread *threads = source->threads;
    assert_int_equal(source->info.pid, 5100);
    assert_int_equal(source->info.own_pid, 1);
    assert_string_equal(source->info.command, "program");
    assert_string_equal(source->operations->thread_name(source, 0), "waits");
    assert_string_equal(source->operations->thread_name(source, 1), "sixteen bytes!!");
    assert_int_equal(threads[0].pthread, 0x7700);
    assert_int_equal(threads[1].own_tid, 2);
    source->operations->look(source, 0, &registers);
    assert_int_equal(threads[0].state, THREADLEAK_PROBE_BLOCKED);
    assert_int_equal(threads[0].syscall, 202);
    assert_int_equal(threads[0].pthread, 0x7700);
    assert_int_equal(registers.known, 1 << 7 | 1 << 16);
    source->operations->look(source, 1, &registers);
    assert_int_equal(threads[1].state, THREADLEAK_PROBE_RUNNING);
    assert_int_equal(threads[1].sp, 0);
    assert_int_equal(registers.known, 0);
    close_source(source);
}

static void a_snapshot_of_other_threads_tells_nothing(void **state)
{
    (void)state;
    snapshot(999);
    struct source *source = open_whole();
    assert_null(source->operations->thread_name(source, 0));
    assert_int_equal(source->threads[0].tid, 100);
    assert_int_equal(source->threads[0].pthread, 0x7000);
    close_source(source);
}

/* ---- what is refused ----------------------------------------------------------------------------- */

static void other_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *reason;
    } cases[] = {
        {"\x1f\x8b\x08\x00\x00\x00", "gzip"},
        {"\x28\xb5\x2f\xfd\x00\x00", "zstd"},
        {"\x04\x22\x4d\x18\x00\x00", "lz4"},
        {"\xfd\x37\x7a\x58\x5a\x00", "xz"},
        {"BZh91A", "bzip2"},
        {"MZ\x90\x00\x03\x00", "no core file"},
        {"\x7f\x45\x4c\x46\x01\x01", "64-bit"},
        {"\x7f\x45\x4c\x46\x02\x02", "64-bit"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        image.size = 6;
        memcpy(image.bytes, cases[i].bytes, 6);
        refused(cases[i].reason);
    }
    image.size = 0;
    refused("is empty");
    assert_null(core_open("/nonexistent"));
    assert_null(core_open("/dev/null"));
    assert_null(core_open("/"));

    image_process(&image, EM_X86_64);
    image_memory(&image);
    image_end(&image);
    image_header(&image)->e_type = ET_DYN;
    refused("no core file");
    image_header(&image)->e_type = ET_CORE;
    image_header(&image)->e_machine = EM_S390;
    refused("machine 22");
    image_header(&image)->e_machine = EM_X86_64;
    image_header(&image)->e_phentsize = 55;
    refused("55 bytes");
}

static void registers_of_another_size_are_refused(void **state)
{
    (void)state;
    uint8_t status[PRSTATUS_X86_64 + 8] = {0};
    image_process(&image, EM_X86_64);
    image_note(&image, "CORE", NT_PRSTATUS, status, sizeof status);
    image_memory(&image);
    image_end(&image);
    refused("take 344 bytes, 336 are expected");
    image_process(&image, EM_X86_64);
    image_note(&image, "CORE", NT_PRSTATUS, status, 0);
    image_memory(&image);
    image_end(&image);
    refused("take 0 bytes");
}

static void without_threads_it_is_refused(void **state)
{
    (void)state;
    image_begin(&image, EM_X86_64);
    image_prpsinfo(&image, 1, "program");
    image_memory(&image);
    image_end(&image);
    refused("no threads");
    image_header(&image)->e_phoff = UINT64_MAX - 8;
    refused("cut short");
    image_header(&image)->e_phnum = 0;
    refused("no threads");
}

/* ---- what is cut or made up ---------------------------------------------------------------------- */

/* At every length: no more than what is there, and what is missing is told. */
static void cut_anywhere(void **state)
{
    (void)state;
    uint8_t buffer[64];
    image_process(&image, EM_X86_64);
    image_memory(&image);
    image_end(&image);
    size_t whole = image.size;
    uint32_t threads = 0;
    for (size_t size = 0; size <= whole; size++) {
        struct source *source = core_open_memory(image.bytes, size);
        if (!source)
            continue;
        assert_true(source->info.thread_count >= threads);
        threads = source->info.thread_count;
        assert_int_equal(source->info.missing, whole - size);
        source->operations->look(source, 0, &registers);
        read_at(source, IMAGE_STACK, buffer, sizeof buffer);
        close_source(source);
    }
    assert_int_equal(threads, 2);
}

static void longer_than_its_headers_say(void **state)
{
    (void)state;
    image_process(&image, EM_X86_64);
    image_memory(&image);
    image_end(&image);
    struct source *source = open_as_file(UINT64_C(5) << 30); /* sparse */
    assert_int_equal(source->info.missing, 0);
    close_source(source);
}

/* Memory behind 4 GiB of nothing, and notes that the headers say are all of it. */
static void sparse_files_are_large(void **state)
{
    (void)state;
    uint8_t buffer[8];
    image_process(&image, EM_X86_64);
    image_memory(&image);
    image.segments[0].p_filesz = UINT64_C(5) << 30;
    image.segments[3].p_offset = UINT64_C(6) << 30;
    image_end(&image);
    struct source *source = open_as_file(UINT64_C(7) << 30);
    assert_int_equal(source->info.missing, 0);
    assert_int_equal(source->info.thread_count, 2);
    assert_int_equal(read_at(source, IMAGE_STACK + 8, buffer, 8), 8);
    assert_int_equal(buffer[0], 0);
    close_source(source);
}

static void segments_overlap(void **state)
{
    (void)state;
    uint8_t buffer[0x2000];
    image_process(&image, EM_X86_64);
    image_segment(&image, 0x3000, "later", 5);
    image_segment(&image, 0x1000, "0123456789", 10);
    image_segment(&image, 0x1004, "abcdefghij", 10); /* the last four are new */
    image_segment(&image, 0x1002, "xyz", 3);         /* nothing is */
    image_segment(&image, 0x2000, "wild", 4)->p_filesz = UINT64_MAX;
    image_segment(&image, UINT64_MAX - 3, "top of memory", 13);
    image_end(&image);
    struct source *source = open_whole();
    assert_int_equal(read_at(source, 0x1000, buffer, 32), 14);
    assert_memory_equal(buffer, "0123456789ghij", 14);
    assert_int_equal(read_at(source, 0x1001, buffer, 2), 2);
    assert_memory_equal(buffer, "12", 2);
    size_t got = read_at(source, 0x2000, buffer, sizeof buffer);
    assert_int_equal(got, 4 + 13); /* up to the end of the file */
    assert_int_equal(read_at(source, UINT64_MAX - 3, buffer, 8), 3);
    assert_true(source->info.missing > UINT64_C(1) << 62);
    close_source(source);
}

static void segments_lie_outside(void **state)
{
    (void)state;
    uint8_t buffer[8];
    image_process(&image, EM_X86_64);
    image_segment(&image, 0x1000, "12345678", 8)->p_offset = UINT64_MAX - 2;
    image_segment(&image, 0x2000, "12345678", 8)->p_offset = image.size;
    image_segment(&image, 0x3000, "12345678", 8)->p_filesz = 0;
    image_end(&image);
    struct source *source = open_whole();
    assert_int_equal(source->info.thread_count, 2);
    assert_int_equal(read_at(source, 0x1000, buffer, 8), 0);
    assert_int_equal(read_at(source, 0x2000, buffer, 8), 8); /* its offset points at the third's bytes */
    assert_int_equal(read_at(source, 0x3000, buffer, 8), 0);
    assert_int_equal(source->info.missing, UINT64_MAX - image.size);
    close_source(source);
}

static void notes_lie_outside(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset, size;
    } cases[] = {{UINT64_MAX, 8}, {UINT64_MAX - 7, UINT64_MAX}, {1 << 20, 64}, {0, 0}, {0, 11}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        image_process(&image, EM_X86_64);
        image_memory(&image);
        image.segments[0].p_offset = cases[i].offset;
        image.segments[0].p_filesz = cases[i].size;
        image_end(&image);
        refused("no threads");
    }
    image_process(&image, EM_X86_64);
    image_memory(&image);
    image.segments[0].p_filesz = UINT64_MAX; /* over all that follows */
    image_end(&image);
    struct source *source = open_whole();
    assert_int_equal(source->info.thread_count, 2);
    close_source(source);
}

/* Read once, however many segments claim them: else the work is the square of the file's size. */
static void notes_overlap(void **state)
{
    (void)state;
    image_process(&image, EM_X86_64);
    image_memory(&image);
    for (int i = 4; i < IMAGE_SEGMENTS; i++)
        image.segments[i] = image.segments[0];
    image.segment_count = IMAGE_SEGMENTS;
    image_end(&image);
    struct source *source = open_whole();
    assert_in_range(source->info.thread_count, 2, 20);
    close_source(source);
}

static void sizes_of_a_note_overflow(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {UINT32_MAX, UINT32_MAX - 3, 0x80000000, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int is_name = 0; is_name < 2; is_name++) {
            image_process(&image, EM_X86_64);
            size_t at = image.size;
            struct image_thread behind = {102, -1, 0, 0, 0};
            image_thread(&image, &behind);
            image_memory(&image);
            image_end(&image);
            memcpy(image.bytes + at + (is_name ? 0 : 4), &sizes[i], sizeof *sizes);
            struct source *source = open_whole();
            assert_int_equal(source->info.thread_count, 2);
            close_source(source);
        }
}

static struct source *with_files(size_t offset, uint64_t value, size_t cut_by)
{
    image_begin(&image, EM_X86_64);
    size_t at = image_files(&image);
    uint32_t size;
    memcpy(image.bytes + at + offset, &value, sizeof value);
    memcpy(&size, image.bytes + image.notes + 4, sizeof size);
    size -= (uint32_t)cut_by;
    image.size = (at + size + 3) & ~(size_t)3;
    memcpy(image.bytes + image.notes + 4, &size, sizeof size);
    struct image_thread thread = {100, -1, 0, 0, 0};
    image_thread(&image, &thread);
    image_memory(&image);
    image_end(&image);
    struct source *source = open_whole();
    assert_non_null(source);
    for (size_t i = 0; i < source->mapping_count; i++) {
        assert_true(source->mappings[i].start < source->mappings[i].end);
        assert_true(i == 0 || source->mappings[i - 1].end <= source->mappings[i].start);
        assert_true(strlen(source->mappings[i].path) < 20);
    }
    return source;
}

static void counts_of_mapped_files_are_wild(void **state)
{
    (void)state;
    enum { COUNT = 0, PAGE_SIZE_AT = 8, START = 16, END = 24, PAGE = 32, ROW = 24, WHOLE = 88 + 41 };
    static const struct {
        size_t offset;
        uint64_t value;
        size_t cut_by, mappings;
    } cases[] = {
        {COUNT, 3, 0, 3},
        {COUNT, 3, 1, 3},                      /* no zero byte at the end */
        {COUNT, 3, 16, 2},                     /* two paths, nothing of the third */
        {COUNT, 3, WHOLE - 88, 0},             /* no paths */
        {COUNT, 3, WHOLE - 15, 0},             /* not even a header */
        {COUNT, 3, WHOLE, 0},                  /* nothing */
        {COUNT, 0, 0, 0},                      /* none */
        {PAGE_SIZE_AT, 0, 0, 3},               /* offsets of 0 */
        {PAGE_SIZE_AT, UINT64_MAX, 0, 2},      /* times 2 is too much */
        {START, 0x500000, 0, 2},               /* ends before it starts */
        {END, UINT64_MAX, 0, 1},               /* over all others */
        {START + ROW, 0x400fff, 0, 2},         /* overlaps the first */
        {PAGE + ROW, UINT64_C(1) << 60, 0, 2}, /* pages: too many bytes */
        {START + 2 * ROW, 0x7f3000, 0, 2},     /* empty */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct source *source = with_files(cases[i].offset, cases[i].value, cases[i].cut_by);
        if (source->mapping_count != cases[i].mappings)
            fail_msg("case %zu: %zu mappings", i, source->mapping_count);
        close_source(source);
    }
    static const uint64_t counts[] = {4, UINT64_MAX, UINT64_MAX / 24 + 1, UINT64_C(1) << 61};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        /* the paths are taken for rows: what that gives is checked above, it is not more than fits */
        struct source *source = with_files(COUNT, counts[i], 0);
        assert_in_range(source->mapping_count, 0, 5);
        close_source(source);
    }
}

static void notes_of_ours_are_spoiled(void **state)
{
    (void)state;
    for (uint32_t size = 0; size < 2 * sizeof(struct snapshot_thread); size++) {
        size_t at = snapshot(100);
        memcpy(image.bytes + at - sizeof SNAPSHOT_NOTE_NAME - 1 - 8, &size, sizeof size);
        struct source *source = core_open_memory(image.bytes, image.size);
        assert_non_null(source);
        assert_true(source->operations->look(source, 1, &registers));
        source->operations->thread_name(source, 0);
        close_source(source);
    }
    size_t at = snapshot(100);
    image.bytes[at + offsetof(struct snapshot_thread, state)] = 0xff;
    struct source *source = open_whole();
    source->operations->look(source, 0, &registers);
    assert_in_range(source->threads[0].state, THREADLEAK_PROBE_ALIVE, THREADLEAK_PROBE_BLOCKED);
    close_source(source);
}

/* ---- PN_XNUM ------------------------------------------------------------------------------------- */

static void many(uint32_t count, int has_section)
{
    image_process(&image, EM_X86_64);
    image_memory(&image);
    image_end(&image);
    Elf64_Shdr section = {.sh_info = count};
    image_header(&image)->e_phnum = PN_XNUM;
    image_header(&image)->e_shoff = image.size;
    if (has_section)
        image_put(&image, &section, sizeof section);
}

static void more_segments_than_the_header_can_say(void **state)
{
    (void)state;
    uint8_t byte;
    many(4, 1);
    struct source *source = open_whole();
    assert_int_equal(source->info.thread_count, 2);
    assert_int_equal(source->info.missing, 0);
    assert_int_equal(read_at(source, IMAGE_STACK, &byte, 1), 1);
    close_source(source);

    many(4, 0); /* as the kernel's is, where the end was cut off: the notes follow the last header */
    source = open_whole();
    assert_int_equal(source->info.thread_count, 2);
    assert_int_equal(source->info.missing, sizeof(Elf64_Shdr));
    assert_int_equal(read_at(source, IMAGE_STACK, &byte, 1), 1);
    close_source(source);

    many(0xffffff, 1); /* headers for more than the file */
    source = open_whole();
    assert_int_equal(source->info.thread_count, 2);
    assert_true(source->info.missing >= 64 + UINT64_C(0xffffff) * 56 - image.size);
    close_source(source);

    many(0x1000001, 1);
    refused("claims 16777217 segments");
    many(UINT32_MAX, 1);
    refused("claims 4294967295 segments");
    many(4, 1);
    image_header(&image)->e_shoff = UINT64_MAX - 4;
    source = open_whole();
    assert_int_equal(source->info.missing, UINT64_MAX - image.size);
    close_source(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_a_process),
        cmocka_unit_test(adjacent_segments_read_as_one),
        cmocka_unit_test(code_tells_of_aarch64),
        cmocka_unit_test(code_contradicts_orig_rax),
        cmocka_unit_test(decodes_what_it_encodes),
        cmocka_unit_test(a_snapshot_tells_more),
        cmocka_unit_test(a_snapshot_of_other_threads_tells_nothing),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(registers_of_another_size_are_refused),
        cmocka_unit_test(without_threads_it_is_refused),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(longer_than_its_headers_say),
        cmocka_unit_test(sparse_files_are_large),
        cmocka_unit_test(segments_overlap),
        cmocka_unit_test(segments_lie_outside),
        cmocka_unit_test(notes_lie_outside),
        cmocka_unit_test(notes_overlap),
        cmocka_unit_test(sizes_of_a_note_overflow),
        cmocka_unit_test(counts_of_mapped_files_are_wild),
        cmocka_unit_test(notes_of_ours_are_spoiled),
        cmocka_unit_test(more_segments_than_the_header_can_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
