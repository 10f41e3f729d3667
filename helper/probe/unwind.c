/* SPDX-License-Identifier: MIT */
#include "unwind.h"

#include <elfutils/version.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "modules.h"
#include "stack_set.h"

#define LIMIT_MAX 65536
#define TRIES 4 /* of a thread that runs on meanwhile */
#define PAGE UINT64_C(4096)
#define PAGES 4
#define RULES 512

/* Pages of the stack that is being unwound: one system call for each instead of one for each word. */
struct page {
    uint64_t address;
    size_t size; /* 0: none is kept here */
    uint8_t bytes[PAGE];
};

/* Whether there are unwind rules for `pc`. Where there are none, libdw follows the frame pointer. */
struct rule {
    uint64_t pc; /* 0: none is kept here */
    bool is_there;
};

struct stacks {
    struct threadleak_probe *probe;
    struct modules *modules;
    struct stack_set set;
    Elf64_Ehdr header; /* tells libdwfl the architecture, */
    Elf *elf;          /* as an ELF file of this header alone */
    struct page pages[PAGES];
    struct rule rules[RULES];
    /* The stack that is being unwound: */
    uint32_t index; /* of its thread */
    uint32_t limit, count, end;
    uint64_t sp;      /* of the last frame; 0: not known */
    bool was_exact;   /* the last frame */
    bool was_guessed; /* how to get from the last frame to this one */
    uint64_t *frames; /* room for LIMIT_MAX */
};

/* ---- what libdwfl asks for ----------------------------------------------------------------------- */

static const uint8_t *page_at(struct stacks *stacks, uint64_t address)
{
    struct page *page = &stacks->pages[address / PAGE % PAGES];
    if (!page->size || page->address != (address & -PAGE)) {
        page->address = address & -PAGE;
        page->size = probe_read(stacks->probe, page->address, page->bytes, PAGE);
    }
    return page->size == PAGE ? page->bytes : NULL;
}

static bool memory_read(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *word, void *argument)
{
    struct stacks *stacks = argument;
    (void)dwfl;
    const uint8_t *page = address % PAGE <= PAGE - sizeof *word ? page_at(stacks, address) : NULL;
    if (!page) /* the core of a snapshot holds parts of pages */
        return probe_read(stacks->probe, address, word, sizeof *word) == sizeof *word;
    memcpy(word, page + address % PAGE, sizeof *word);
    return true;
}

/* One thread at a time: the one that `index` says. */
static bool get_thread(Dwfl *dwfl, pid_t tid, void *argument, void **thread)
{
    (void)dwfl, (void)tid;
    *thread = argument;
    return true;
}

static pid_t next_thread(Dwfl *dwfl, void *argument, void **thread)
{
    (void)dwfl, (void)argument, (void)thread;
    return 0;
}

/* Those that are known, and no other: a rule that needs another one fails. */
static bool set_initial_registers(Dwfl_Thread *thread, void *argument)
{
    struct stacks *stacks = argument;
    const struct arch *arch = stacks->probe->source->arch;
    const struct registers *registers = &stacks->probe->registers[stacks->index];
    for (uint32_t first = 0, end; first < arch->register_count; first = end + 1) {
        for (end = first; end < arch->register_count && (registers->known >> end & 1);)
            end++;
        if (end > first && !dwfl_thread_state_registers(thread, (int)first, end - first,
                                                        (const Dwarf_Word *)registers->value + first))
            return false;
    }
    if (arch->pc < 0)
        dwfl_thread_state_register_pc(thread, stacks->probe->source->threads[stacks->index].pc);
    return true;
}

static const Dwfl_Thread_Callbacks callbacks = {
    .next_thread = next_thread,
    .get_thread = get_thread,
    .memory_read = memory_read,
    .set_initial_registers = set_initial_registers,
};

/* ---- one stack ----------------------------------------------------------------------------------- */

static bool cfi_covers(Dwarf_CFI *cfi, uint64_t pc)
{
    Dwarf_Frame *frame;
    if (!cfi || dwarf_cfi_addrframe(cfi, pc, &frame))
        return false;
    free(frame);
    return true;
}

static bool has_rule(struct stacks *stacks, uint64_t pc)
{
    struct rule *rule = &stacks->rules[pc % RULES];
    if (rule->pc == pc)
        return rule->is_there;
    struct module *module = modules_at(stacks->modules, pc);
    Dwarf_Addr bias = 0;
    rule->pc = pc;
    rule->is_there = false;
    if (module && module->file.bytes) {
        Dwarf_CFI *cfi = dwfl_module_eh_cfi(module->dwfl, &bias);
        rule->is_there = cfi_covers(cfi, pc - bias);
        if (!rule->is_there) {
            cfi = dwfl_module_dwarf_cfi(module->dwfl, &bias);
            rule->is_there = cfi_covers(cfi, pc - bias);
        }
    }
    return rule->is_there;
}

/* A frame pointer may be any number: what it led to must be where a call returns to. */
static bool is_after_call(struct stacks *stacks, uint64_t pc)
{
    uint8_t code[CALL_INSTRUCTION_MAX];
    return probe_read(stacks->probe, pc - sizeof code, code, sizeof code) == sizeof code &&
           stacks->probe->source->arch->is_after_call(code);
}

/* A stack grows downwards: sp of the caller is higher, save where a signal's handler has a stack of its own,
 * or where nothing was pushed yet. A damaged one may lead anywhere, round and round too. */
static bool sp_is_sane(struct stacks *stacks, Dwfl_Frame *frame)
{
#if _ELFUTILS_PREREQ(0, 188)
    Dwarf_Word sp;
    if (dwfl_frame_reg(frame, (unsigned)stacks->probe->source->arch->sp, &sp))
        return true;
    bool is_sane = stacks->was_exact || sp > stacks->sp;
    stacks->sp = sp;
    return is_sane;
#else
    (void)stacks, (void)frame;
    return true;
#endif
}

static int add_frame(Dwfl_Frame *frame, void *argument)
{
    struct stacks *stacks = argument;
    Dwarf_Addr pc;
    bool is_exact;
    if (stacks->count == stacks->limit) {
        stacks->end = THREADLEAK_PROBE_LIMIT;
        return DWARF_CB_ABORT;
    }
    stacks->end = THREADLEAK_PROBE_CUT;
    if (!dwfl_frame_pc(frame, &pc, &is_exact) || !sp_is_sane(stacks, frame) ||
        (stacks->was_guessed && !is_after_call(stacks, pc)))
        return DWARF_CB_ABORT;
    pc &= ~THREADLEAK_PROBE_EXACT;
    stacks->frames[stacks->count++] = is_exact ? pc | THREADLEAK_PROBE_EXACT : pc;
    stacks->was_exact = is_exact;
    stacks->was_guessed = !has_rule(stacks, is_exact ? pc : pc - 1);
    return DWARF_CB_OK;
}

static void unwind_as_it_is(struct stacks *stacks)
{
    for (unsigned i = 0; i < PAGES; i++)
        stacks->pages[i].size = 0;
    stacks->count = 0;
    stacks->end = THREADLEAK_PROBE_CUT;
    stacks->was_exact = true;
    stacks->was_guessed = false;
    /* 0: it went on until a caller was undefined; without one it fails, for whatever reason */
    if (!dwfl_getthread_frames(modules_dwfl(stacks->modules), 1, add_frame, stacks))
        stacks->end = THREADLEAK_PROBE_COMPLETE;
}

/* Fills count and end. */
static void unwind_one(struct stacks *stacks, uint32_t index)
{
    struct threadleak_probe *probe = stacks->probe;
    struct source *source = probe->source;
    const struct threadleak_probe_thread *thread = &source->threads[index];
    stacks->index = index;
    for (unsigned try = 0; try < TRIES; try++) {
        stacks->count = 0;
        if (!source->operations->look(source, index, &probe->registers[index])) {
            stacks->end = THREADLEAK_PROBE_GONE;
            return;
        }
        if (!thread->sp || !thread->pc) {
            stacks->end = THREADLEAK_PROBE_RUNS;
            return;
        }
        unwind_as_it_is(stacks);
        if (source->operations->stood_still(source, index))
            return;
    }
    stacks->count = 0;
    stacks->end = THREADLEAK_PROBE_MOVED;
}

static bool keep_stack(struct stacks *stacks)
{
    struct threadleak_probe_thread *thread = &stacks->probe->source->threads[stacks->index];
    thread->stack = stack_set_add(&stacks->set, stacks->frames, stacks->count, stacks->end);
    return thread->stack != 0;
}

/* ---- all of them --------------------------------------------------------------------------------- */

static struct stacks *stacks_of(struct threadleak_probe *probe)
{
    struct modules *modules = modules_of(probe);
    if (!modules || probe->stacks)
        return probe->stacks;
    struct stacks *stacks = calloc(1, sizeof *stacks);
    uint64_t *frames = malloc(LIMIT_MAX * sizeof *frames);
    if (!stacks || !frames) {
        free(stacks);
        free(frames);
        probe_error("out of memory");
        return NULL;
    }
    stacks->probe = probe;
    stacks->modules = modules;
    stacks->frames = frames;
    stacks->header = (Elf64_Ehdr){
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_CORE,
        .e_machine = probe->source->arch->machine,
        .e_version = EV_CURRENT,
        .e_ehsize = sizeof(Elf64_Ehdr),
    };
    stacks->elf = elf_memory((char *)&stacks->header, sizeof stacks->header);
    probe->stacks = stacks;
    if (!stacks->elf || !dwfl_attach_state(modules_dwfl(modules), stacks->elf, 1, &callbacks, stacks)) {
        probe_error("stacks cannot be unwound: %s", dwfl_errmsg(-1));
        stacks_free(stacks);
        probe->stacks = NULL;
    }
    return probe->stacks;
}

void stacks_free(struct stacks *stacks)
{
    if (!stacks)
        return;
    elf_end(stacks->elf);
    stack_set_free(&stacks->set);
    free(stacks->frames);
    free(stacks);
}

int threadleak_probe_unwind(struct threadleak_probe *probe, uint32_t index, uint32_t limit)
{
    uint32_t count = probe->info.thread_count;
    if (limit < 1 || limit > LIMIT_MAX) {
        probe_error("a limit of %u frames is not in 1 to %u", limit, LIMIT_MAX);
        return -1;
    }
    if (index >= count && index != THREADLEAK_PROBE_ALL) {
        probe_error("there is no thread number %u among %u", index, count);
        return -1;
    }
    struct stacks *stacks = stacks_of(probe);
    if (!stacks)
        return -1;
    stacks->limit = limit;
    uint32_t first = index == THREADLEAK_PROBE_ALL ? 0 : index;
    uint32_t end = index == THREADLEAK_PROBE_ALL ? count : index + 1;
    for (uint32_t i = first; i < end; i++) {
        unwind_one(stacks, i);
        if (!keep_stack(stacks)) {
            probe_error("out of memory");
            return -1;
        }
    }
    return 0;
}

const struct threadleak_probe_stack *threadleak_probe_stacks(struct threadleak_probe *probe, uint32_t *count)
{
    *count = probe->stacks ? probe->stacks->set.count : 0;
    return probe->stacks ? probe->stacks->set.list : NULL;
}
