/* SPDX-License-Identifier: MIT */
#include "capture.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "cfi.h"
#include "modules.h"
#include "threadleak_abi.h"

/* The cache of rules: by return address and module, so that a plugin that is loaded where another one was does
 * not get the other one's rules. A set is two cache lines.
 *
 * Why a reader never gets the rule of another key. Let it load `sequence` = s, even, then a key and its rule,
 * then `sequence` = s again. Writers exclude each other: only who moves `sequence` from an even to the next odd
 * value writes, and moves it on when all is stored. Suppose the rule that was loaded is one that a writer
 * stored after it had moved the sequence to some s' + 1 > s. The writer's release fence lies between that
 * move and that store, the reader's acquire fence between its load of the rule and its second load of
 * `sequence`: so the second load gives s' + 1 or later, never s again, for 64 bits do not wrap around.
 * The same holds for the key. So both were stored before `sequence` became s, which the first load, an acquire
 * that pairs with the writer's release, makes visible in full: they belong together.
 * A signal handler that interrupts a writer, and a fork child in which a writer is missing, find the number
 * odd: they do without that set. */
#ifndef CAPTURE_CACHE_SETS
#define CAPTURE_CACHE_SETS 512
#endif
#define WAYS 7

struct rule_set {
    uint64_t sequence; /* odd: being written */
    uint64_t keys[WAYS];
    uint64_t rules[WAYS];
} __attribute__((aligned(128)));

static struct rule_set cache[CAPTURE_CACHE_SETS];

static struct rule_set *set_of(uint64_t key)
{
    return &cache[(key ^ key >> 9 ^ key >> 48) % CAPTURE_CACHE_SETS];
}

static inline bool look_up(const struct rule_set *set, uint64_t key, cfi_rule_t *rule)
{
    uint64_t sequence = __atomic_load_n(&set->sequence, __ATOMIC_ACQUIRE);
    for (unsigned way = 0; way < WAYS; way++) {
        if (__atomic_load_n(&set->keys[way], __ATOMIC_RELAXED) != key)
            continue;
        *rule = __atomic_load_n(&set->rules[way], __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        return sequence % 2 == 0 && __atomic_load_n(&set->sequence, __ATOMIC_RELAXED) == sequence;
    }
    return false;
}

static void keep(struct rule_set *set, uint64_t key, cfi_rule_t rule)
{
    uint64_t sequence = __atomic_load_n(&set->sequence, __ATOMIC_RELAXED);
    if (sequence % 2 || !__atomic_compare_exchange_n(&set->sequence, &sequence, sequence + 1, 0,
                                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return; /* somebody else writes here: the next walk tries again */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    unsigned way = sequence / 2 % WAYS; /* the oldest one */
    __atomic_store_n(&set->keys[way], key, __ATOMIC_RELAXED);
    __atomic_store_n(&set->rules[way], rule, __ATOMIC_RELAXED);
    __atomic_store_n(&set->sequence, sequence + 2, __ATOMIC_RELEASE);
}

/* A return address belongs to the call in front of it, which may be a function's last instruction. */
static uintptr_t call_at(uintptr_t pc)
{
    return pc - 1;
}

static __attribute__((noinline)) cfi_rule_t find_rule(struct rule_set *set, uint64_t key,
                                                      const struct threadleak_module *module)
{
    uintptr_t start, end;
    if (!module || !module->eh_frame_hdr)
        return CFI_NONE;
    module_segment(module, module->eh_frame_hdr, &start, &end);
    cfi_rule_t rule = cfi_find(call_at(THREADLEAK_FRAME_PC(key)), module->eh_frame_hdr, start, end);
    keep(set, key, rule);
    return rule;
}

/* The end of the stack that holds `sp`: of a thread's stack its descriptor, which glibc puts there, as it does on a
 * stack that the program supplied; main's descriptor lies elsewhere, below. Of a coroutine's stack it
 * is only a limit. */
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

/* Goes from a frame to its caller's. False: what the rule says cannot be; nothing was read then but words of
 * the stack from `sp` on. */
static inline bool step(struct capture_start *frame, cfi_rule_t rule, uintptr_t end)
{
    const uintptr_t word = sizeof(uintptr_t);
    uintptr_t sp = frame->sp, fp = frame->fp, cfa;
    switch (cfi_base(rule)) {
    case CFI_FROM_SP:
        cfa = sp + (uintptr_t)cfi_offset(rule);
        break;
    case CFI_FROM_FP:
        cfa = fp + (uintptr_t)cfi_offset(rule);
        break;
    default:
        cfa = fp + (uintptr_t)cfi_offset(rule);
        if (cfa < sp || cfa > end - word || cfa % word)
            return false;
        cfa = *(uintptr_t *)cfa;
    }
    if (cfa <= sp || cfa > end || cfa % word)
        return false;
    if (cfi_fp_is_saved(rule)) {
        uintptr_t slot = (cfi_fp_is_saved_by_fp(rule) ? fp : cfa) + (uintptr_t)cfi_fp_slot(rule);
        if (slot < sp || slot > cfa - word || slot % word)
            return false;
        frame->fp = *(uintptr_t *)slot;
    }
    uintptr_t slot = cfa + (uintptr_t)cfi_ra_slot(rule);
    if (slot < sp)
        return false;
    frame->pc = strip(*(uintptr_t *)slot);
    frame->sp = cfa;
    return true;
}

unsigned capture_stack(const struct capture_start *start, uint64_t *frames, unsigned max,
                       uint32_t *flags)
{
    struct capture_start frame = *start;
    const uintptr_t end = stack_end(frame.sp);
    const struct threadleak_module *module = NULL;
    uintptr_t module_start = 1, module_size = 0;
    uint16_t index = 0;
    unsigned count = 0;
    for (;;) {
        if (!frame.pc) {
            *flags = THREADLEAK_SITE_COMPLETE;
            return count;
        }
        if (count == max) {
            *flags = THREADLEAK_SITE_TRUNCATED;
            return count;
        }
        if (call_at(frame.pc) - module_start >= module_size) {
            module = module_of(call_at(frame.pc), &index);
            module_start = module ? module->start : 1;
            module_size = module ? module->end - module->start : 0;
        }
        uint64_t key = THREADLEAK_FRAME(frame.pc, index);
        frames[count++] = key;
        cfi_rule_t rule = CFI_NONE;
        struct rule_set *set = set_of(key);
        if (!look_up(set, key, &rule))
            rule = find_rule(set, key, module);
        if (rule == CFI_OUTERMOST)
            frame.pc = 0;
        else if (rule == CFI_NONE && frame.sp == end)
            frame.pc = 0; /* ld.so's entry point has no rule, but there is no room for a caller's frame */
        else if (rule == CFI_NONE || !step(&frame, rule, end)) {
            *flags = THREADLEAK_SITE_CUT;
            return count;
        }
    }
}
