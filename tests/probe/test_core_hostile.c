/* SPDX-License-Identifier: MIT
 *
 * Cores that are cut short or made up to do harm: they give what can be trusted of them, and no more.
 */
#include "core_case.h"

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

    many(0x3fffff, 1); /* headers for more than the file */
    source = open_whole();
    assert_int_equal(source->info.thread_count, 2);
    assert_true(source->info.missing >= 64 + UINT64_C(0x3fffff) * 56 - image.size);
    close_source(source);

    many(0x400001, 1);
    refused("claims 4194305 segments");
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
