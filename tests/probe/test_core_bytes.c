/* SPDX-License-Identifier: MIT
 *
 * Cores whose bytes are made here: what is read of valid ones, and what is refused.
 */
#include "core_case.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
