/* SPDX-License-Identifier: MIT */
#include "probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "gone.h"
#include "live.h"
#include "modules.h"
#include "symbols.h"
#include "thread_pointer.h"
#include "unwind.h"

unsigned threadleak_probe_abi(void)
{
    return THREADLEAK_PROBE_ABI;
}

static struct threadleak_probe *make_probe(struct source *source, const char *program)
{
    if (!source)
        return NULL;
    struct threadleak_probe *probe = calloc(1, sizeof *probe);
    struct registers *registers = calloc(source->info.thread_count + 1, sizeof *registers);
    char *copy = program ? strdup(program) : NULL;
    if (!probe || !registers || (program && !copy)) {
        probe_error("out of memory");
        free(probe);
        free(registers);
        free(copy);
        source->operations->close(source);
        return NULL;
    }
    probe->source = source;
    probe->registers = registers;
    probe->program = copy;
    probe->info = source->info;
    return probe;
}

struct threadleak_probe *threadleak_probe_open_core(const char *core, const char *program)
{
    struct threadleak_probe *probe = make_probe(core_open(core), program);
    if (probe)
        thread_pointers_to_pthreads(probe);
    return probe;
}

struct threadleak_probe *threadleak_probe_open_process(int pid, unsigned flags)
{
    return make_probe(live_open(pid, flags), NULL);
}

struct threadleak_probe *threadleak_probe_open_gone(struct threadleak_probe *probe,
                                                    const struct threadleak_probe_module *module)
{
    struct threadleak_probe *gone = make_probe(gone_open(probe->source, module->path), NULL);
    if (gone && !modules_of_gone(gone, module)) {
        threadleak_probe_close(gone);
        return NULL;
    }
    return gone;
}

void threadleak_probe_resume(struct threadleak_probe *probe)
{
    live_resume(probe->source);
    probe->info.stopped_ns = probe->source->info.stopped_ns;
}

void threadleak_probe_close(struct threadleak_probe *probe)
{
    if (!probe)
        return;
    symbols_free(probe->symbols);
    modules_free(probe->modules); /* its Dwfl knows the stacks' Elf until then */
    stacks_free(probe->stacks);
    probe->source->operations->close(probe->source);
    free(probe->registers);
    free((char *)probe->program);
    free(probe);
}

const struct threadleak_probe_info *threadleak_probe_info(struct threadleak_probe *probe)
{
    struct modules *modules = modules_of(probe);
    probe->info.module_count = modules ? modules_count(modules) : 0;
    probe->info.program = modules ? modules_program(modules) : NULL;
    return &probe->info;
}

const struct threadleak_probe_thread *threadleak_probe_threads(struct threadleak_probe *probe)
{
    return probe->source->threads;
}

bool probe_look(struct threadleak_probe *probe, uint32_t index)
{
    struct source *source = probe->source;
    struct threadleak_probe_thread *thread = &source->threads[index];
    struct registers *registers = &probe->registers[index];
    uint8_t code[2 * SYSCALL_INSTRUCTION_MAX];
    if (!source->operations->look(source, index, registers))
        return false;
    if (thread->state == THREADLEAK_PROBE_ALIVE && thread->pc) {
        /* it is for the code to tell, which a core leaves to the files */
        uint32_t size = source->arch->syscall_size;
        size_t got = probe_read(probe, thread->pc - size, code, 2 * (size_t)size);
        arch_set_state(source->arch, registers, thread, code, got);
    }
    return true;
}

int threadleak_probe_look(struct threadleak_probe *probe, uint32_t index)
{
    uint32_t count = probe->info.thread_count;
    if (index < count)
        return probe_look(probe, index) ? 0 : -1;
    if (index != THREADLEAK_PROBE_ALL) {
        probe_error("there is no thread number %u among %u", index, count);
        return -1;
    }
    for (uint32_t i = 0; i < count; i++)
        if (probe->source->threads[i].state == THREADLEAK_PROBE_ALIVE)
            probe_look(probe, i);
    return 0;
}

uint64_t threadleak_probe_pthread(struct threadleak_probe *probe, uint32_t index)
{
    if (index >= probe->info.thread_count)
        return 0;
    struct source *source = probe->source;
    const struct threadleak_probe_thread *thread = &source->threads[index];
    if (!thread->pthread && !thread->sp)
        probe_look(probe, index);
    if (!thread->pthread && source->operations->find_pthread)
        source->operations->find_pthread(source, index);
    return thread->pthread;
}

const char *threadleak_probe_thread_name(struct threadleak_probe *probe, uint32_t index)
{
    if (index >= probe->info.thread_count)
        return NULL;
    return probe->source->operations->thread_name(probe->source, index);
}

int threadleak_probe_set_registers(struct threadleak_probe *probe, uint32_t index, const uint64_t *values,
                                   uint32_t count, uint64_t known)
{
    if (index >= probe->info.thread_count || count > REGISTERS_MAX || (count < 64 && known >> count)) {
        probe_error("there is no thread number %u with %u registers", index, count);
        return -1;
    }
    struct registers *registers = &probe->registers[index];
    const struct arch *arch = probe->source->arch;
    memcpy(registers->value, values, count * sizeof *values);
    registers->known = known;
    probe->source->threads[index].stack = 0;
    if (known >> arch->sp & 1)
        probe->source->threads[index].sp = values[arch->sp];
    if (arch->pc >= 0 && known >> arch->pc & 1)
        probe->source->threads[index].pc = values[arch->pc];
    return 0;
}

size_t probe_read(struct threadleak_probe *probe, uint64_t address, void *buffer, size_t size)
{
    struct source *source = probe->source;
    size_t done = 0;
    while (done < size) {
        size_t got = source->operations->read(source, address + done, (char *)buffer + done, size - done);
        if (!got)
            got = modules_read(probe, address + done, (char *)buffer + done, size - done);
        if (!got)
            break;
        done += got;
    }
    return done;
}

size_t threadleak_probe_read(struct threadleak_probe *probe, uint64_t address, void *buffer, size_t size)
{
    return probe_read(probe, address, buffer, size);
}

void threadleak_probe_read_each(struct threadleak_probe *probe, const uint64_t *addresses, uint32_t count,
                                size_t size, void *buffer, uint8_t *whole)
{
    for (uint32_t i = 0; i < count; i++)
        whole[i] = probe_read(probe, addresses[i], (char *)buffer + i * size, size) == size;
}
