/* SPDX-License-Identifier: MIT
 *
 * snapshot.c - a small core of a live process: threadleak_probe_snapshot of threadleak_probe.h. Stacks first,
 * each right after its thread was looked at; then all other memory, which is written as it is read; then the
 * notes.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <time.h>
#include <unistd.h>

#include "core_writer.h"
#include "error.h"
#include "live.h"
#include "open_files.h"
#include "pieces.h"
#include "probe.h"
#include "procfs.h"
#include "snapshot_memory.h"
#include "snapshot_notes.h"

#define ATTEMPTS 3 /* at the stack of a thread that runs on while it is read */
#define CHUNK (256 << 10)
/* Of a larger stack the innermost frames; many that are so large become smaller. */
#define STACK_MAX (UINT64_C(64) << 20)
#define STACKS_MAX (UINT64_C(1) << 30)
#define STACK_MIN (UINT64_C(16) << 10)

/* A thread as it goes into the file: where the stack could not be had without registers. */
struct taken {
    struct threadleak_probe_thread thread;
    struct registers registers;
    char *stack;
    uint32_t index;
    bool is_steady; /* it did not run from before any memory was read until all was */
};

struct snapshot {
    struct threadleak_probe *probe;
    const struct process *process;
    int pagemap;
    struct regions regions;
    struct taken *threads;
    uint32_t thread_count, without_sp;
    uint64_t stacks_room;
    struct pieces known;  /* with their bytes: ranges that the caller gave, stacks */
    struct pieces wanted; /* to be read */
    struct core_writer *writer;
    uint64_t realtime_ns, monotonic_ns;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Reads as far as pages are of one kind; 0: it cannot be read. A page of no file that the
 * process has never touched is zero, and reading it would make the kernel give the process a page of memory:
 * bits 63 and 62 of /proc/PID/pagemap, present and swapped out (Documentation/admin-guide/mm/pagemap). */
static size_t read_pages(struct snapshot *snapshot, const struct region *region, uint64_t start, char *buffer,
                         size_t size)
{
    struct source *source = snapshot->probe->source;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), entries[64];
    ssize_t got = 0;
    if (procfs_is_anonymous(region) && snapshot->pagemap >= 0)
        got = pread(snapshot->pagemap, entries, sizeof entries, (off_t)(start / page * sizeof *entries));
    if (got < (ssize_t)sizeof *entries)
        return source->operations->read(source, start, buffer, size);
    bool is_there = entries[0] >> 62;
    size_t run = page - start % page;
    for (size_t i = 1; i < (size_t)got / sizeof *entries && !(entries[i] >> 62) == !is_there; i++)
        run += page;
    run = run < size ? run : size;
    if (is_there)
        return source->operations->read(source, start, buffer, run);
    memset(buffer, 0, run);
    return run;
}

static size_t read_stack(struct snapshot *snapshot, uint64_t start, char *buffer, size_t size)
{
    const struct region *region = procfs_region_at(&snapshot->regions, start);
    size_t done = 0, got;
    while (done < size && (got = read_pages(snapshot, region, start + done, buffer + done, size - done)))
        done += got;
    return done;
}

/* ---- threads ------------------------------------------------------------------------------------- */

/* Reads the stack; false: the thread ran meanwhile, or there is none. */
static bool take_stack(struct snapshot *snapshot, struct taken *taken)
{
    struct source *source = snapshot->probe->source;
    uint64_t start, end = snapshot_stack(&snapshot->regions, &taken->thread, &start);
    uint64_t most = snapshot->stacks_room < STACK_MAX ? snapshot->stacks_room : STACK_MAX;
    most = most > STACK_MIN ? most : STACK_MIN;
    if (!end)
        return source->operations->stood_still(source, taken->index);
    end = end - start > most ? start + most : end;
    if (live_is_held(source, taken->index)) {
        pieces_add(&snapshot->wanted, start, end, NULL);
        snapshot->stacks_room -= end - start < snapshot->stacks_room ? end - start : snapshot->stacks_room;
        return true;
    }
    char *bytes = malloc(end - start);
    size_t size = bytes ? read_stack(snapshot, start, bytes, end - start) : 0;
    if (!source->operations->stood_still(source, taken->index)) {
        free(bytes);
        return false;
    }
    taken->stack = bytes;
    snapshot->stacks_room -= size < snapshot->stacks_room ? size : snapshot->stacks_room;
    pieces_add(&snapshot->known, start, start + size, bytes);
    return true;
}

/* Attempt 0 goes by the look that was taken at all of them. False: the thread is gone. */
static bool take_thread(struct snapshot *snapshot, uint32_t index, struct taken *taken)
{
    struct threadleak_probe *probe = snapshot->probe;
    struct source *source = probe->source;
    for (int attempt = 0; attempt <= ATTEMPTS; attempt++) {
        if (attempt && !source->operations->look(source, index, &probe->registers[index]))
            return false;
        source->operations->find_pthread(source, index);
        *taken = (struct taken){source->threads[index], probe->registers[index], NULL, index, !attempt};
        if (taken->thread.sp && take_stack(snapshot, taken))
            return true;
    }
    taken->registers.known = 0;
    taken->thread.sp = taken->thread.pc = 0;
    taken->thread.syscall = -1;
    snapshot->without_sp++;
    return true;
}

static bool take_threads(struct snapshot *snapshot)
{
    struct source *source = snapshot->probe->source;
    uint32_t count = snapshot->probe->info.thread_count;
    snapshot->threads = calloc(count + 1, sizeof *snapshot->threads);
    if (!snapshot->threads) {
        probe_error("out of memory");
        return false;
    }
    for (uint32_t i = 0; i < count; i++)
        source->operations->look(source, i, &snapshot->probe->registers[i]);
    for (uint32_t i = 0; i < count; i++) {
        struct taken *taken = &snapshot->threads[snapshot->thread_count];
        if (!take_thread(snapshot, i, taken))
            continue;
        snapshot_add_thread(&snapshot->regions, &taken->thread, &snapshot->wanted);
        snapshot->thread_count++;
    }
    return true;
}

static void find_steady(struct snapshot *snapshot)
{
    struct source *source = snapshot->probe->source;
    for (uint32_t i = 0; i < snapshot->thread_count; i++) {
        struct taken *taken = &snapshot->threads[i];
        taken->is_steady = taken->is_steady && taken->thread.sp && taken->thread.syscall >= 0 &&
                           source->operations->stood_still(source, taken->index);
    }
}

/* ---- memory -------------------------------------------------------------------------------------- */

static uint32_t flags_at(const struct snapshot *snapshot, uint64_t address)
{
    const struct region *region = procfs_region_at(&snapshot->regions, address);
    if (!region)
        return PF_R | PF_W; /* mapped after we read what is mapped */
    return (region->readable ? PF_R : 0u) | (region->writable ? PF_W : 0u) | (region->executable ? PF_X : 0u);
}

/* What cannot be read is left out: page by page. */
static void write_range(struct snapshot *snapshot, uint64_t start, uint64_t end, char *buffer)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    while (start < end) {
        const struct region *region = procfs_region_from(&snapshot->regions, start);
        if (!region || region->start >= end)
            return;
        if (start < region->start)
            start = region->start;
        uint64_t stop = region->end < end ? region->end : end;
        size_t size = stop - start < CHUNK ? stop - start : CHUNK;
        size_t got = read_pages(snapshot, region, start, buffer, size);
        core_writer_memory(snapshot->writer, start, flags_at(snapshot, start), buffer, got);
        start = got ? start + got : (start / page + 1) * page;
    }
}

/* All of `wanted`, with the bytes of `known` where these are. */
static bool write_memory(struct snapshot *snapshot)
{
    const struct pieces *known = &snapshot->known, *wanted = &snapshot->wanted;
    char *buffer = malloc(CHUNK);
    if (!buffer || known->is_short_of_memory || wanted->is_short_of_memory) {
        free(buffer);
        probe_error("out of memory");
        return false;
    }
    for (size_t i = 0; i < wanted->count; i++) {
        uint64_t at = wanted->list[i].start, end = wanted->list[i].end;
        while (at < end) {
            const struct piece *next = pieces_from(known, at);
            uint64_t stop = next && next->start < end ? next->start : end;
            if (at < stop) {
                write_range(snapshot, at, stop, buffer);
                at = stop;
            } else {
                stop = next->end < end ? next->end : end;
                core_writer_memory(snapshot->writer, at, flags_at(snapshot, at),
                                   next->bytes + (at - next->start), stop - at);
                at = stop;
            }
        }
    }
    free(buffer);
    return true;
}

/* ---- notes --------------------------------------------------------------------------------------- */

static void note_prstatus(struct snapshot *snapshot, const struct taken *taken)
{
    static const struct registers none;
    const struct arch *arch = snapshot->probe->source->arch;
    struct elf_prstatus status = {.pr_pid = (pid_t)taken->thread.tid};
    _Static_assert(sizeof(elf_gregset_t) <= USER_REGISTERS_MAX, "elf_gregset_t has room");
    if (taken->thread.sp)
        arch->encode(&taken->registers, &taken->thread, &status.pr_reg);
    else
        arch->encode(&none, &(struct threadleak_probe_thread){.syscall = -1}, &status.pr_reg);
    core_writer_note(snapshot->writer, "CORE", NT_PRSTATUS, &status, sizeof status);
}

static void note_prpsinfo(struct snapshot *snapshot)
{
    struct source *source = snapshot->probe->source;
    struct elf_prpsinfo process = {.pr_sname = 'S', .pr_pid = (pid_t)source->info.own_pid};
    const char *command = source->info.command ? source->info.command : "";
    strncpy(process.pr_fname, command, sizeof process.pr_fname - 1);
    size_t size;
    char *arguments = procfs_read(snapshot->process->folder, "cmdline", &size);
    for (size_t i = 0; arguments && i < size && i < sizeof process.pr_psargs - 1; i++)
        process.pr_psargs[i] = arguments[i] ? arguments[i] : ' ';
    free(arguments);
    core_writer_note(snapshot->writer, "CORE", NT_PRPSINFO, &process, sizeof process);
}

static void note_auxv(struct snapshot *snapshot)
{
    size_t size;
    char *auxv = procfs_read(snapshot->process->folder, "auxv", &size);
    if (auxv)
        core_writer_note(snapshot->writer, "CORE", NT_AUXV, auxv, size);
    free(auxv);
}

/* As fill_files_note of the kernel's fs/binfmt_elf.c: their number, the size of a page, start, end and page
 * of each, and their names. */
static void note_mappings(struct snapshot *snapshot)
{
    const struct source *source = snapshot->probe->source;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    size_t count = source->mapping_count, size = (2 + 3 * count) * sizeof(uint64_t);
    for (size_t i = 0; i < count; i++)
        size += strlen(source->mappings[i].path) + 1;
    uint64_t *content = malloc(size), *word = content;
    if (!content)
        return;
    *word++ = count;
    *word++ = page;
    for (size_t i = 0; i < count; i++) {
        *word++ = source->mappings[i].start;
        *word++ = source->mappings[i].end;
        *word++ = source->mappings[i].offset / page;
    }
    char *name = (char *)word;
    for (size_t i = 0; i < count; i++)
        name = stpcpy(name, source->mappings[i].path) + 1;
    core_writer_note(snapshot->writer, "CORE", NT_FILE, content, size);
    free(content);
}

static void note_made(struct snapshot *snapshot)
{
    const struct threadleak_probe_info *info = &snapshot->probe->source->info;
    struct snapshot_made made = {snapshot->realtime_ns, snapshot->monotonic_ns, info->stopped_ns, info->pid,
                                 info->own_pid};
    core_writer_note(snapshot->writer, SNAPSHOT_NOTE_NAME, SNAPSHOT_NOTE_MADE, &made, sizeof made);
}

static void note_threads(struct snapshot *snapshot)
{
    struct source *source = snapshot->probe->source;
    struct snapshot_thread *rows = calloc(snapshot->thread_count + 1, sizeof *rows);
    for (uint32_t i = 0; rows && i < snapshot->thread_count; i++) {
        const struct taken *taken = &snapshot->threads[i];
        const char *name = source->operations->thread_name(source, taken->index);
        rows[i] = (struct snapshot_thread){.tid = taken->thread.tid,
                                           .own_tid = taken->thread.own_tid,
                                           .state = taken->thread.state,
                                           .known = (uint32_t)taken->registers.known,
                                           .pthread = taken->thread.pthread};
        strncpy(rows[i].name, name ? name : "", sizeof rows[i].name - 1);
    }
    if (rows)
        core_writer_note(snapshot->writer, SNAPSHOT_NOTE_NAME, SNAPSHOT_NOTE_THREADS, rows,
                         snapshot->thread_count * sizeof *rows);
    free(rows);
}

static void note_steady(struct snapshot *snapshot)
{
    uint32_t *tids = calloc(snapshot->thread_count + 1, sizeof *tids), count = 0;
    for (uint32_t i = 0; tids && i < snapshot->thread_count; i++)
        if (snapshot->threads[i].is_steady)
            tids[count++] = snapshot->threads[i].thread.tid;
    if (tids)
        core_writer_note(snapshot->writer, SNAPSHOT_NOTE_NAME, SNAPSHOT_NOTE_STEADY, tids,
                         count * sizeof *tids);
    free(tids);
}

static void note_files(struct snapshot *snapshot)
{
    size_t size;
    char *text = open_files_text(snapshot->process->folder, &size);
    if (text)
        core_writer_note(snapshot->writer, SNAPSHOT_NOTE_NAME, SNAPSHOT_NOTE_FILES, text, size);
    free(text);
}

static void write_notes(struct snapshot *snapshot)
{
    note_made(snapshot);
    for (uint32_t i = 0; i < snapshot->thread_count; i++) {
        note_prstatus(snapshot, &snapshot->threads[i]);
        if (i)
            continue;
        /* the kernel puts what the process has behind the first thread */
        note_prpsinfo(snapshot);
        note_auxv(snapshot);
        note_mappings(snapshot);
    }
    note_threads(snapshot);
    note_steady(snapshot);
    note_files(snapshot);
}

/* ---- all of it ----------------------------------------------------------------------------------- */

static bool begin(struct snapshot *snapshot, const struct threadleak_probe_range *ranges, uint32_t count)
{
    snapshot->process = live_process(snapshot->probe->source);
    if (!snapshot->process) {
        probe_error("a snapshot is made of a live process, not of a core file");
        return false;
    }
    snapshot->pagemap = openat(snapshot->process->folder, "pagemap", O_RDONLY | O_CLOEXEC);
    snapshot->realtime_ns = clock_ns(CLOCK_REALTIME);
    snapshot->monotonic_ns = clock_ns(CLOCK_MONOTONIC);
    if (!procfs_regions(snapshot->process->folder, &snapshot->regions)) {
        probe_error("what is mapped in process %u cannot be read: %s", snapshot->probe->info.pid,
                    strerror(errno));
        return false;
    }
    for (uint32_t i = 0; i < count; i++)
        pieces_add(ranges[i].bytes ? &snapshot->known : &snapshot->wanted, ranges[i].address,
                   ranges[i].address + ranges[i].size, ranges[i].bytes);
    return true;
}

/* A process that ends takes its memory with it: what was written then is not to be trusted. */
static bool is_alive(struct snapshot *snapshot)
{
    struct source *source = snapshot->probe->source;
    char byte;
    if (source->operations->read(source, source->program, &byte, 1) == 1)
        return true;
    probe_error("process %u ended while it was read", snapshot->probe->info.pid);
    return false;
}

static bool write_file(struct snapshot *snapshot, struct threadleak_probe_snapshot *result)
{
    struct source *source = snapshot->probe->source;
    snapshot_add_process(source, snapshot->process, snapshot->pagemap, &snapshot->regions, &snapshot->wanted);
    pieces_sort(&snapshot->known);
    for (size_t i = 0; i < snapshot->known.count; i++)
        pieces_add(&snapshot->wanted, snapshot->known.list[i].start, snapshot->known.list[i].end, NULL);
    /* libdw goes by pages: a page that is there in part is not there */
    pieces_round(&snapshot->wanted, (uint64_t)sysconf(_SC_PAGESIZE));
    pieces_sort(&snapshot->wanted);
    if (!write_memory(snapshot))
        return false;
    find_steady(snapshot);
    if (!is_alive(snapshot))
        return false;
    threadleak_probe_resume(snapshot->probe);
    write_notes(snapshot);
    struct core_writer *writer = snapshot->writer;
    snapshot->writer = NULL;
    result->threads = snapshot->thread_count;
    result->without_sp = snapshot->without_sp;
    result->stopped_ns = source->info.stopped_ns;
    return core_writer_end(writer, &result->size, &result->memory);
}

int threadleak_probe_snapshot(struct threadleak_probe *probe, const char *path,
                              const struct threadleak_probe_range *ranges, uint32_t count,
                              struct threadleak_probe_snapshot *result)
{
    struct snapshot snapshot = {.probe = probe, .pagemap = -1, .stacks_room = STACKS_MAX};
    bool ok = begin(&snapshot, ranges, count) &&
              (snapshot.writer = core_writer_begin(path, probe->source->arch->machine)) &&
              take_threads(&snapshot) && write_file(&snapshot, result);
    if (snapshot.writer)
        core_writer_abandon(snapshot.writer);
    for (uint32_t i = 0; i < snapshot.thread_count; i++)
        free(snapshot.threads[i].stack);
    free(snapshot.threads);
    pieces_free(&snapshot.known);
    pieces_free(&snapshot.wanted);
    procfs_regions_free(&snapshot.regions);
    if (snapshot.pagemap >= 0)
        close(snapshot.pagemap);
    return ok ? 0 : -1;
}
