/* SPDX-License-Identifier: MIT */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "access.h"
#include "arch.h"
#include "descriptor.h"
#include "error.h"
#include "process.h"
#include "procfs.h"
#include "stop.h"
#include "watch.h"

struct live {
    struct source source;
    unsigned flags;
    struct process process;
    uint32_t memory_tid;    /* the thread through which memory is read */
    uint32_t memory_next;   /* index of the one to try when that has ended */
    int memory_file;        /* /proc/PID/mem, where a seccomp filter forbids process_vm_readv; else -1 */
    struct regions regions; /* as they were when the process was opened */
    struct sighting *sightings;
    char (*names)[16];
    struct stop *stop; /* NULL: the process goes on */
    struct watch watch;
    bool main_was_searched;
    /* Code at the pc of the thread that was looked at last, since many threads wait at one place. */
    uint64_t code_pc;
    size_t code_size;
    uint8_t code[2 * SYSCALL_INSTRUCTION_MAX];
};

/* ---- memory -------------------------------------------------------------------------------------- */

static size_t read_file(int file, uint64_t address, void *buffer, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(file, (char *)buffer + done, size - done, (off_t)(address + done));
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

/* The kernel stops at the first page that it cannot read and gives what lies before it
 * (mm/process_vm_access.c). ESRCH: that thread has ended, and so has no memory, whereas the process may have.
 */
static size_t live_read(struct source *source, uint64_t address, void *buffer, size_t size)
{
    struct live *live = (struct live *)source;
    if (live->memory_file >= 0)
        return read_file(live->memory_file, address, buffer, size);
    struct iovec local = {buffer, size}, remote = {(void *)(uintptr_t)address, size};
    for (;;) {
        ssize_t got = process_vm_readv((pid_t)live->memory_tid, &local, 1, &remote, 1, 0);
        if (got >= 0)
            return (size_t)got;
        if (errno != ESRCH || live->memory_next >= source->info.thread_count)
            return 0;
        live->memory_tid = source->threads[live->memory_next++].tid;
    }
}

/* ---- looking at threads -------------------------------------------------------------------------- */

static void set_unless_known(struct registers *registers, int32_t number, uint64_t value)
{
    if (number < 0 || registers->known >> number & 1)
        return;
    registers->value[number] = value;
    registers->known |= UINT64_C(1) << number;
}

/* sp and pc of a thread whose registers were given. */
static void take_known(const struct arch *arch, struct threadleak_probe_thread *thread,
                       const struct registers *registers)
{
    if (registers->known >> arch->sp & 1)
        thread->sp = registers->value[arch->sp];
    if (arch->pc >= 0 && registers->known >> arch->pc & 1)
        thread->pc = registers->value[arch->pc];
}

static void look_at_held(struct live *live, struct threadleak_probe_thread *thread,
                         struct registers *registers, const void *user_registers)
{
    const struct arch *arch = live->source.arch;
    arch->decode(user_registers, registers, thread);
    if (thread->pc != live->code_pc) {
        live->code_pc = thread->pc;
        live->code_size =
            live_read(&live->source, thread->pc - arch->syscall_size, live->code, 2 * arch->syscall_size);
    }
    arch_set_state(arch, registers, thread, live->code, live->code_size);
}

static const void *held_registers(const struct live *live, uint32_t index)
{
    return live->stop ? stop_registers(live->stop, index) : NULL;
}

static bool live_look(struct source *source, uint32_t index, struct registers *registers)
{
    struct live *live = (struct live *)source;
    struct threadleak_probe_thread *thread = &source->threads[index];
    struct sighting *sighting = &live->sightings[index];
    const void *user_registers = held_registers(live, index);
    if (user_registers) {
        look_at_held(live, thread, registers, user_registers);
        return true;
    }

    bool is_stopped = live->flags & THREADLEAK_PROBE_STOPPED;
    thread->state = THREADLEAK_PROBE_ALIVE;
    thread->syscall = -1;
    thread->sp = thread->pc = 0;
    if (!is_stopped)
        registers->known = 0;
    enum outcome outcome = watch_look(&live->watch, thread->tid, sighting);
    if (outcome == UNREADABLE)
        probe_error("the kernel does not tell what thread %u of process %d does", thread->tid,
                    live->process.pid);
    if (outcome == GONE)
        probe_error("thread %u of process %d has ended", thread->tid, live->process.pid);
    if (outcome != SEEN) {
        take_known(source->arch, thread, registers);
        return outcome != GONE;
    }

    bool is_blocked = sighting->syscall >= 0;
    thread->state = is_blocked ? THREADLEAK_PROBE_BLOCKED : THREADLEAK_PROBE_RUNNING;
    thread->syscall = sighting->syscall;
    memcpy(thread->arguments, sighting->arguments, sizeof thread->arguments);
    thread->sp = sighting->sp;
    thread->pc = sighting->pc;
    if (thread->sp) {
        set_unless_known(registers, source->arch->sp, thread->sp);
        set_unless_known(registers, source->arch->pc, thread->pc);
    }
    return true;
}

static void live_find_pthread(struct source *source, uint32_t index)
{
    struct live *live = (struct live *)source;
    struct threadleak_probe_thread *thread = &source->threads[index];
    if (thread->pthread)
        return;
    bool is_main = thread->own_tid == live->source.info.own_pid;
    if (is_main && !live->main_was_searched)
        thread->pthread = descriptor_of_main(source, &live->regions, live->process.linker, thread->own_tid);
    if (is_main)
        live->main_was_searched = true;
    else if (thread->sp)
        thread->pthread = descriptor_of_stack(source, &live->regions, thread->sp, thread->own_tid);
}

static bool live_stood_still(struct source *source, uint32_t index)
{
    struct live *live = (struct live *)source;
    return live_is_held(source, index) ||
           watch_is_same(&live->watch, source->threads[index].tid, &live->sightings[index]);
}

static const char *live_thread_name(struct source *source, uint32_t index)
{
    struct live *live = (struct live *)source;
    char *name = live->names[index], file[32], text[64];
    if (*name)
        return name;
    snprintf(file, sizeof file, "%u/comm", source->threads[index].tid);
    ssize_t size = procfs_read_short(live->process.task, file, text, sizeof text);
    if (size <= 0)
        return NULL;
    if (text[size - 1] == '\n')
        text[size - 1] = 0;
    snprintf(name, sizeof live->names[index], "%.15s", text);
    return name;
}

/* ---- opening ------------------------------------------------------------------------------------- */

static void live_close(struct source *source)
{
    struct live *live = (struct live *)source;
    live_resume(source);
    watch_end(&live->watch);
    if (live->memory_file >= 0)
        close(live->memory_file);
    process_close(&live->process);
    procfs_regions_free(&live->regions);
    free(source->threads);
    free(source->mappings);
    free((char *)source->info.command);
    free(live->sightings);
    free(live->names);
    free(live);
}

static const struct source_operations operations = {
    .read = live_read,
    .look = live_look,
    .find_pthread = live_find_pthread,
    .stood_still = live_stood_still,
    .thread_name = live_thread_name,
    .close = live_close,
};

void live_resume(struct source *source)
{
    if (source->operations != &operations)
        return;
    struct live *live = (struct live *)source;
    if (!live->stop)
        return;
    source->info.stopped_ns = stop_end(live->stop);
    live->stop = NULL;
}

bool live_is_held(const struct source *source, uint32_t index)
{
    const struct live *live = (const struct live *)source;
    return live->flags & THREADLEAK_PROBE_STOPPED || held_registers(live, index);
}

const struct process *live_process(const struct source *source)
{
    return source->operations == &operations ? &((const struct live *)source)->process : NULL;
}

/* /proc lets more people see what is mapped than what lies there (PTRACE_MODE_READ, PTRACE_MODE_ATTACH). */
static bool try_memory(struct live *live)
{
    char byte;
    struct iovec local = {&byte, 1}, remote = {(void *)(uintptr_t)live->source.program, 1};
    if (process_vm_readv((pid_t)live->memory_tid, &local, 1, &remote, 1, 0) == 1)
        return true;
    int error = errno;
    if (error == EPERM || error == ENOSYS)
        live->memory_file = openat(live->process.folder, "mem", O_RDONLY | O_CLOEXEC);
    if (live->memory_file >= 0 && read_file(live->memory_file, live->source.program, &byte, 1) == 1)
        return true;
    access_explain(live->process.pid, error);
    return false;
}

static bool read_mappings(struct live *live)
{
    struct source *source = &live->source;
    if (!procfs_regions(live->process.folder, &live->regions)) {
        access_explain(live->process.pid, errno);
        return false;
    }
    source->mappings = malloc((live->regions.count + 1) * sizeof *source->mappings);
    if (!source->mappings) {
        probe_error("out of memory");
        return false;
    }
    for (size_t i = 0; i < live->regions.count; i++) {
        const struct region *region = &live->regions.list[i];
        if (region->name[0] == '/')
            source->mappings[source->mapping_count++] = (struct mapping){
                .start = region->start, .end = region->end, .offset = region->offset, .path = region->name};
    }
    return true;
}

/* The ids of all threads but a main thread that has left. */
static uint32_t *list_threads(struct live *live, uint32_t *count)
{
    if (!live->stop) {
        uint32_t *tids = procfs_threads(live->process.task, count), kept = 0;
        for (uint32_t i = 0; tids && i < *count; i++)
            if (live->process.living == (uint32_t)live->process.pid || tids[i] != (uint32_t)live->process.pid)
                tids[kept++] = tids[i];
        *count = kept;
        return tids;
    }
    *count = stop_count(live->stop);
    uint32_t *tids = malloc((*count + 1) * sizeof *tids);
    for (uint32_t i = 0; tids && i < *count; i++)
        tids[i] = stop_tid(live->stop, i);
    return tids;
}

static uint32_t own_tid(struct live *live, uint32_t tid)
{
    char name[32];
    bool is_other;
    snprintf(name, sizeof name, "%u/status", tid);
    return procfs_own_id(live->process.task, name, &is_other); /* 0: it has ended */
}

static bool make_threads(struct live *live)
{
    struct source *source = &live->source;
    uint32_t count;
    uint32_t *tids = list_threads(live, &count);
    if (!tids || !count) {
        access_explain(live->process.pid, tids ? ESRCH : errno);
        free(tids);
        return false;
    }
    source->threads = calloc(count, sizeof *source->threads);
    live->sightings = calloc(count, sizeof *live->sightings);
    live->names = calloc(count, sizeof *live->names);
    if (!source->threads || !live->sightings || !live->names) {
        probe_error("out of memory");
        free(tids);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        source->threads[i].tid = tids[i];
        source->threads[i].own_tid = live->process.is_elsewhere ? own_tid(live, tids[i]) : tids[i];
        source->threads[i].syscall = -1;
    }
    source->info.thread_count = count;
    free(tids);
    return true;
}

static void read_command(struct live *live)
{
    char name[32], text[64];
    /* not that of process.folder, which may be another thread's */
    snprintf(name, sizeof name, "%d/comm", live->process.pid);
    ssize_t size = procfs_read_short(live->process.task, name, text, sizeof text);
    if (size > 0 && text[size - 1] == '\n')
        text[size - 1] = 0;
    live->source.info.command = size > 0 ? strdup(text) : NULL;
}

static bool begin(struct live *live, int pid)
{
    struct source *source = &live->source;
    struct process *process = &live->process;
    if (!process_open(process, pid))
        return false;
    source->program = process->headers;
    source->vdso = process->vdso;
    source->root = process->root;
    source->info.own_pid = process->own_pid;
    live->memory_tid = process->living;
    if (!try_memory(live))
        return false;
    if (live->flags & THREADLEAK_PROBE_STOP) {
        if (pid == getpid()) {
            probe_error("a process cannot stop itself: look at it without a stop");
            return false;
        }
        live->stop = stop_process(pid, process->task);
        if (!live->stop)
            return false;
    }
    watch_begin(&live->watch, process->task);
    read_command(live);
    return read_mappings(live) && make_threads(live);
}

struct source *live_open(int pid, unsigned flags)
{
    struct live *live = calloc(1, sizeof *live);
    if (!live) {
        probe_error("out of memory");
        return NULL;
    }
    live->flags = flags;
    live->memory_file = -1;
    watch_begin(&live->watch, -1);
    live->source.operations = &operations;
    live->source.arch = arch_native();
    live->source.info.kind = THREADLEAK_PROBE_PROCESS;
    live->source.info.machine = live->source.arch->machine;
    live->source.info.pid = (uint32_t)pid;
    if (!begin(live, pid)) {
        live_close(&live->source);
        return NULL;
    }
    return &live->source;
}
