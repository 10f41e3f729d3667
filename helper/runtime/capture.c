/* SPDX-License-Identifier: MIT */
#include "capture.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "cfi.h"
#include "modules.h"
#include "threadleak_abi.h"

/* The cache of rules: by return address and module, so that a plugin that is loaded where another one was
 * does not get the other one's rules. A set is two cache lines.
 *
 * Why a reader never gets the rule of another key. Let it load `sequence` = s, even, then a key and its rule,
 * then `sequence` = s again. Writers exclude each other: only who moves `sequence` from an even to the next
 * odd value writes, and moves it on when all is stored. Suppose the rule that was loaded is one that a writer
 * stored after it had moved the sequence to some s' + 1 > s. The writer's release fence lies between that
 * move and that store, the reader's acquire fence between its load of the rule and its second load of
 * `sequence`: so the second load gives s' + 1 or later, never s again, for 64 bits do not wrap around.
 * The same holds for the key. So both were stored before `sequence` became s, which the first load, an
 * acquire that pairs with the writer's release, makes visible in full: they belong together. A signal handler
 * that interrupts a writer, and a fork child in which a writer is missing, find the number odd: they do
 * without that set. */
#ifndef CAPTURE_CACHE_SETS
#define CAPTURE_CACHE_SETS 512
#endif
#define WAYS 7

struct rule_set {
    uint64_t sequence; /* odd: being written */
    struct {
        uint64_t key;
        cfi_rule_t rule;
    } ways[WAYS];
} __attribute__((aligned(128)));

static struct rule_set cache[CAPTURE_CACHE_SETS];

#define UNKNOWN ((cfi_rule_t)8) /* no rule is written like that */

/* By the bits that make up the set's offset in the cache, so that no time is lost with shifting them. */
static inline struct rule_set *set_of(uintptr_t pc)
{
    return &cache[pc / sizeof cache[0] % CAPTURE_CACHE_SETS];
}

/* The rule that is kept for `key`, or UNKNOWN. */
static inline cfi_rule_t look_up(const struct rule_set *set, uint64_t key)
{
    uint64_t sequence = __atomic_load_n(&set->sequence, __ATOMIC_ACQUIRE);
#pragma GCC unroll 7
    for (unsigned way = 0; way < WAYS; way++) {
        cfi_rule_t rule = __atomic_load_n(&set->ways[way].rule, __ATOMIC_RELAXED);
        if (__atomic_load_n(&set->ways[way].key, __ATOMIC_RELAXED) != key)
            continue;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        uint64_t again = __atomic_load_n(&set->sequence, __ATOMIC_RELAXED);
        return sequence == again && sequence % 2 == 0 ? rule : UNKNOWN;
    }
    return UNKNOWN;
}

/* Puts the rule in the place of the set's oldest one. */
static void keep(struct rule_set *set, uint64_t key, cfi_rule_t rule)
{
    uint64_t sequence = __atomic_load_n(&set->sequence, __ATOMIC_RELAXED);
    if (sequence % 2 || !__atomic_compare_exchange_n(&set->sequence, &sequence, sequence + 1, 0,
                                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return; /* somebody else writes here: the next walk tries again */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    unsigned way = sequence / 2 % WAYS;
    __atomic_store_n(&set->ways[way].key, key, __ATOMIC_RELAXED);
    __atomic_store_n(&set->ways[way].rule, rule, __ATOMIC_RELAXED);
    __atomic_store_n(&set->sequence, sequence + 2, __ATOMIC_RELEASE);
}

/* The end of the stack that holds `sp`: of a thread's stack its descriptor, which glibc puts there, as it
 * does on a stack that the program supplied; main's descriptor lies elsewhere, below. Of a coroutine's stack
 * it is only a limit. */
extern void *__libc_stack_end;

static uintptr_t stack_end(uintptr_t sp)
{
    uintptr_t descriptor = (uintptr_t)pthread_self();
    return sp < descriptor ? descriptor : (uintptr_t)__libc_stack_end;
}

/* Removes a pointer authentication code (aarch64). */
static inline uintptr_t strip(uintptr_t pc)
{
#if defined(__aarch64__)
    register uintptr_t x30 __asm__("x30") = pc;
    __asm__("hint #7" : "+r"(x30)); /* xpaclri; does nothing on processors without */
    return x30;
#else
    return pc;
#endif
}

/* Goes from a frame to its caller's by a rule of any kind. False: what it says cannot be; nothing was read
 * then but words of the stack from the stack pointer on. */
static inline bool step(struct capture_start *frame, cfi_rule_t rule, uintptr_t end)
{
    const uintptr_t word = sizeof(uintptr_t);
    uintptr_t sp = frame->sp, fp = frame->fp;
    uintptr_t cfa = (cfi_base(rule) == CFI_FROM_SP ? sp : fp) + (uintptr_t)cfi_offset(rule);
    if (cfi_base(rule) == CFI_LOADED_BY_FP) {
        if (cfa < sp || cfa > end - word || cfa % word)
            return false;
        cfa = *(uintptr_t *)cfa;
    }
    uintptr_t ra_slot = cfa + (uintptr_t)cfi_ra_slot(rule);
    uintptr_t fp_slot = (cfi_fp_is_saved_by_fp(rule) ? fp : cfa) + (uintptr_t)cfi_fp_slot(rule);
    if (cfa <= sp || cfa > end || cfa % word || ra_slot < sp)
        return false;
    if (cfi_fp_is_saved(rule)) {
        if (fp_slot < sp || fp_slot > cfa - word || fp_slot % word)
            return false;
        frame->fp = *(uintptr_t *)fp_slot;
    }
    frame->pc = strip(*(uintptr_t *)ra_slot);
    frame->sp = cfa;
    return true;
}

/* The same for a plain rule, of which most was checked when it was made. */
static inline bool step_plainly(struct capture_start *frame, cfi_rule_t rule, uintptr_t end)
{
    uintptr_t cfa = frame->sp + (uintptr_t)cfi_offset(rule);
    if (cfa > end)
        return false;
    if (cfi_fp_slot(rule))
        frame->fp = *(uintptr_t *)(cfa + (uintptr_t)cfi_fp_slot(rule));
    frame->pc = strip(*(uintptr_t *)(cfa + (uintptr_t)cfi_ra_slot(rule)));
    frame->sp = cfa;
    return true;
}

/* Goes to the caller's frame and returns 0; or why the stack ends here. */
static inline uint32_t go_out(struct capture_start *frame, cfi_rule_t rule, uintptr_t end)
{
    if (cfi_is_plain(rule))
        return step_plainly(frame, rule, end) ? 0 : THREADLEAK_SITE_CUT;
    /* ld.so's entry point has no rule, but where it is called there is no room for a caller's frame */
    if (rule == CFI_OUTERMOST || (rule == CFI_NONE && frame->sp == end))
        return THREADLEAK_SITE_COMPLETE;
    return rule != CFI_NONE && step(frame, rule, end) ? 0 : THREADLEAK_SITE_CUT;
}

struct walk {
    struct capture_start frame; /* not yet written down */
    uintptr_t stack_end;
    const struct threadleak_module *module; /* of the frame before */
    uintptr_t module_start;
    uintptr_t module_size;
    uint64_t tag; /* what THREADLEAK_FRAME adds to a pc in that module */
    uint64_t *frames;
    uint32_t count;
    uint32_t max;
};

/* A return address belongs to the call in front of it, which may be a function's last instruction. */
static inline uintptr_t call_at(uintptr_t pc)
{
    return pc - 1;
}

static inline bool is_in_module(const struct walk *walk, uintptr_t pc)
{
    return call_at(pc) - walk->module_start < walk->module_size;
}

/* Finds out which module the frame lies in. False: in none. */
static bool enter_module(struct walk *walk)
{
    uint16_t index;
    const struct threadleak_module *module = module_of(call_at(walk->frame.pc), &index);
    walk->module = module;
    walk->module_start = module ? module->start : 0;
    walk->module_size = module ? module->end - module->start : 0;
    walk->tag = THREADLEAK_FRAME(0, index);
    return is_in_module(walk, walk->frame.pc);
}

/* Walks for as long as the frames lie in the same module and their rules are in the cache. Returns 0 where
 * there are more. */
static uint32_t walk_known(struct walk *walk)
{
    struct capture_start frame = walk->frame;
    uint64_t *at = walk->frames + walk->count, *last = walk->frames + walk->max;
    /* copies: as far as the compiler knows, *at could be one of these */
    const uintptr_t end = walk->stack_end, start = walk->module_start, size = walk->module_size;
    const uint64_t tag = walk->tag;
    uint32_t flags = 0;
    while (at != last && call_at(frame.pc) - start < size) {
        cfi_rule_t rule = look_up(set_of(frame.pc), tag | frame.pc);
        if (rule == UNKNOWN)
            break;
        *at++ = tag | frame.pc;
        if ((flags = go_out(&frame, rule, end)))
            break;
    }
    if (!frame.pc)
        flags = THREADLEAK_SITE_COMPLETE;
    else if (!flags && at == last)
        flags = THREADLEAK_SITE_TRUNCATED;
    walk->frame = frame;
    walk->count = (uint32_t)(at - walk->frames);
    return flags;
}

static cfi_rule_t find_rule(const struct walk *walk, uint64_t key)
{
    uintptr_t pc = walk->frame.pc, start, end;
    if (!walk->module || !walk->module->eh_frame_hdr)
        return CFI_NONE;
    cfi_rule_t rule = look_up(set_of(pc), key);
    if (rule != UNKNOWN)
        return rule;
    module_segment(walk->module, walk->module->eh_frame_hdr, &start, &end);
    rule = cfi_find(call_at(pc), walk->module->eh_frame_hdr, start, end);
    keep(set_of(pc), key, rule);
    return rule;
}

/* Walks one frame by a rule that is not in the cache. */
static __attribute__((noinline)) uint32_t walk_unknown(struct walk *walk)
{
    uint64_t key = walk->tag | THREADLEAK_FRAME_PC(walk->frame.pc);
    walk->frames[walk->count++] = key;
    return go_out(&walk->frame, find_rule(walk, key), walk->stack_end);
}

unsigned capture_stack(const struct capture_start *start, uint64_t *frames, unsigned max, uint32_t *flags)
{
    struct walk walk = {.frame = *start, .stack_end = stack_end(start->sp), .frames = frames, .max = max};
    walk.frame.pc = strip(start->pc);
    enter_module(&walk);
    while (!(*flags = walk_known(&walk))) {
        if (!is_in_module(&walk, walk.frame.pc) && enter_module(&walk))
            continue;
        if ((*flags = walk_unknown(&walk)))
            break;
    }
    return walk.count;
}
