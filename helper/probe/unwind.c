/* SPDX-License-Identifier: MIT */
#include "unwind.h"

#include <elfutils/version.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "modules.h"
#include "stack_set.h"
#include "unwind_rules.h"

#define LIMIT_MAX 65536
#define TRIES 4 /* of a thread that runs on meanwhile */
#define PAGE UINT64_C(4096)
#define PAGES 4

/* Pages of the stack that is being unwound: one system call for each instead of one for each word. */
struct page {
    uint64_t address;
    size_t size; /* 0: none is kept here */
    uint8_t bytes[PAGE];
};

bool stacks_use_libdw_alone;

struct stacks {
    struct threadleak_probe *probe;
    struct modules *modules;
    struct stack_set set;
    Elf64_Ehdr header; /* tells libdwfl the architecture, */
    Elf *elf;          /* as an ELF file of this header alone */
    struct page pages[PAGES];
    struct unwind_rules rules;
    /* The stack that is being unwound: */
    uint32_t index; /* of its thread */
    uint32_t limit, count, end;
    uint64_t sp;      /* of the last frame; 0: not known */
    uint64_t word;    /* read last; of what a frame keeps, the return address is */
    bool has_fp;      /* the last frame's frame pointer is known */
    bool was_exact;   /* the last frame */
    bool was_guessed; /* how to get from the last frame to this one */
    uint64_t *frames; /* room for LIMIT_MAX */
    /* Where unwinding begins: with the thread's registers, or with a frame that was found already. */
    struct registers begin;
    uint64_t begin_pc;
    bool is_resumed;
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

static bool read_word(struct stacks *stacks, uint64_t address, uint64_t *word)
{
    const uint8_t *page = address % PAGE <= PAGE - sizeof *word ? page_at(stacks, address) : NULL;
    if (page)
        memcpy(word, page + address % PAGE, sizeof *word);
    else if (probe_read(stacks->probe, address, word, sizeof *word) < sizeof *word)
        return false; /* the core of a snapshot may hold parts of pages */
    return true;
}

static bool memory_read(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *word, void *argument)
{
    struct stacks *stacks = argument;
    (void)dwfl;
    if (!read_word(stacks, address, word))
        return false;
    stacks->word = *word;
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
    const struct registers *registers = &stacks->begin;
    for (uint32_t first = 0, end; first < arch->register_count; first = end + 1) {
        for (end = first; end < arch->register_count && (registers->known >> end & 1);)
            end++;
        if (end > first && !dwfl_thread_state_registers(thread, (int)first, end - first,
                                                        (const Dwarf_Word *)registers->value + first))
            return false;
    }
    if (arch->pc < 0)
        dwfl_thread_state_register_pc(thread, stacks->begin_pc);
    return true;
}

static const Dwfl_Thread_Callbacks callbacks = {
    .next_thread = next_thread,
    .get_thread = get_thread,
    .memory_read = memory_read,
    .set_initial_registers = set_initial_registers,
};

/* ---- one stack ----------------------------------------------------------------------------------- */

/* Of the last frame: a call lies in front of its pc, which may be the end of the function. */
static const struct unwind_rule *last_rule(struct stacks *stacks)
{
    uint64_t pc = stacks->frames[stacks->count - 1];
    return unwind_rule_at(&stacks->rules,
                          pc & THREADLEAK_PROBE_EXACT ? pc & ~THREADLEAK_PROBE_EXACT : pc - 1);
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
    const struct arch *arch = stacks->probe->source->arch;
    Dwarf_Word sp, fp;
    stacks->has_fp = !dwfl_frame_reg(frame, (unsigned)arch->frame_pointer, &fp);
    if (dwfl_frame_reg(frame, (unsigned)arch->sp, &sp))
        return true;
    bool is_sane = stacks->was_exact || sp > stacks->sp;
    stacks->sp = sp;
    return is_sane;
#else
    (void)frame;
    stacks->has_fp = true;
    return true;
#endif
}

static int add_frame(Dwfl_Frame *frame, void *argument)
{
    struct stacks *stacks = argument;
    Dwarf_Addr pc;
    bool is_exact;
    if (stacks->is_resumed) { /* this one is there already */
        stacks->is_resumed = false;
        return DWARF_CB_OK;
    }
    if (stacks->count == stacks->limit) {
        stacks->end = THREADLEAK_PROBE_LIMIT;
        return DWARF_CB_ABORT;
    }
    if (!dwfl_frame_pc(frame, &pc, &is_exact) || !sp_is_sane(stacks, frame) ||
        (stacks->was_guessed && !is_after_call(stacks, pc)))
        return DWARF_CB_ABORT;
    pc &= ~THREADLEAK_PROBE_EXACT;
    stacks->frames[stacks->count++] = is_exact ? pc | THREADLEAK_PROBE_EXACT : pc;
    stacks->was_exact = is_exact;
    stacks->was_guessed = !last_rule(stacks)->is_there;
    return DWARF_CB_OK;
}

static void unwind_from(struct stacks *stacks)
{
    int result = dwfl_getthread_frames(modules_dwfl(stacks->modules), 1, add_frame, stacks);
    /* libdwfl says that all went well also where a rule needs a register that is not known (0.188) */
    if (!result && stacks->count && (last_rule(stacks)->is_outermost || !stacks->word))
        stacks->end = THREADLEAK_PROBE_COMPLETE;
}

/* Without a stop only sp and pc are known. Code that is not optimized finds its frame by the frame pointer,
 * and a function of libc that just makes a system call need not have saved it. Where the frame lies is then
 * told by the prologue, unless sp moved since. It is believed where a call lies in front of the return
 * address: one to this very function, or one whose target its instruction does not tell. */
static bool find_frame_pointer(struct stacks *stacks)
{
    const struct arch *arch = stacks->probe->source->arch;
    const struct unwind_rule *rule = stacks->count ? last_rule(stacks) : NULL;
    uint8_t code[PROLOGUE_MAX], call[CALL_INSTRUCTION_MAX];
    uint64_t below, pair[2], target;
    if (!rule || !rule->wants_fp || stacks->has_fp || !rule->start || !arch->prologue ||
        probe_read(stacks->probe, rule->start, code, sizeof code) < sizeof code)
        return false;
    uint32_t length = arch->prologue(code, &below);
    if (!length || rule->pc < rule->start + length)
        return false;
    uint64_t fp = stacks->sp + below, start = rule->start;
    if (probe_read(stacks->probe, fp, pair, sizeof pair) < sizeof pair || !is_after_call(stacks, pair[1]) ||
        probe_read(stacks->probe, pair[1] - sizeof call, call, sizeof call) < sizeof call)
        return false;
    stacks->begin.known = UINT64_C(1) << arch->sp | UINT64_C(1) << arch->frame_pointer;
    stacks->begin.value[arch->sp] = stacks->sp;
    stacks->begin.value[arch->frame_pointer] = fp;
    stacks->begin_pc = rule->pc;
    if (arch->pc >= 0) {
        stacks->begin.known |= UINT64_C(1) << arch->pc;
        stacks->begin.value[arch->pc] = rule->pc;
    }
    /* to what is no function's beginning, it goes by way of the procedure linkage table */
    return !arch->call_target(call, pair[1], &target) || target == start ||
           unwind_rule_at(&stacks->rules, target)->start != target;
}

/* By simple rules, to the end or to the limit, in a tenth of the time. False: there is something else on the
 * way, which is left to libdw from the beginning. */
static bool unwind_simply(struct stacks *stacks)
{
    const struct arch *arch = stacks->probe->source->arch;
    uint64_t pc = stacks->begin_pc, sp = stacks->begin.value[arch->sp];
    uint64_t fp = stacks->begin.value[arch->frame_pointer];
    bool has_fp = stacks->begin.known >> arch->frame_pointer & 1, is_exact = true;
    for (stacks->count = 0; !(pc & THREADLEAK_PROBE_EXACT); is_exact = false) {
        if (stacks->count == stacks->limit) {
            stacks->end = THREADLEAK_PROBE_LIMIT;
            return true;
        }
        stacks->frames[stacks->count++] = is_exact ? pc | THREADLEAK_PROBE_EXACT : pc;
        const struct unwind_rule *rule = last_rule(stacks);
        stacks->end = THREADLEAK_PROBE_COMPLETE;
        if (rule->is_outermost)
            return true;
        if (!rule->is_simple || (rule->wants_fp && !has_fp))
            return false;
        uint64_t frame_end = (rule->wants_fp ? fp : sp) + (uint64_t)rule->size;
        if (frame_end <= sp || !read_word(stacks, frame_end + (uint64_t)rule->return_address, &pc) ||
            (rule->saves_fp && !read_word(stacks, frame_end + (uint64_t)rule->fp, &fp)))
            return false;
        if (!pc)
            return true;
        has_fp = rule->saves_fp || (rule->keeps_fp && has_fp);
        sp = frame_end;
    }
    return false;
}

static void unwind_with_libdw(struct stacks *stacks)
{
    stacks->count = 0;
    stacks->end = THREADLEAK_PROBE_CUT;
    stacks->word = 1;
    stacks->was_exact = true;
    stacks->was_guessed = false;
    unwind_from(stacks);
    for (uint32_t count = 0; stacks->end == THREADLEAK_PROBE_CUT && stacks->count > count;) {
        count = stacks->count;
        if (!find_frame_pointer(stacks))
            break;
        stacks->is_resumed = true;
        unwind_from(stacks);
    }
    stacks->is_resumed = false;
}

static void unwind_as_it_is(struct stacks *stacks)
{
    for (unsigned i = 0; i < PAGES; i++)
        stacks->pages[i].size = 0;
    stacks->begin = stacks->probe->registers[stacks->index];
    stacks->begin_pc = stacks->probe->source->threads[stacks->index].pc;
    if (stacks_use_libdw_alone || !unwind_simply(stacks))
        unwind_with_libdw(stacks);
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
        if (!probe_look(probe, index)) {
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
    stacks->rules = (struct unwind_rules){.modules = modules, .arch = probe->source->arch};
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
