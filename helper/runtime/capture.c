/* SPDX-License-Identifier: MIT */
#include "capture.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

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

extern void *__libc_stack_end;

/* How far out the stack can be read. */
struct extent {
    uintptr_t end; /* up to here without asking */
    uintptr_t
        limit; /* no stack goes on beyond: of a thread's its descriptor, which glibc puts there, as it does
                  on a stack that the program supplied; of main's where the kernel put the arguments */
};

#define PAGE 4096
#define OWN_STACK 8192 /* of a thread, at least: a coroutine's stack can lie no closer to its outer end */
#define MAIN_STACK (64u << 20)   /* the kernel keeps other mappings farther away (mmap_base, MIN_GAP) */
#define LARGEST_FRAME (8u << 20) /* else it is no frame */

static struct extent extent_of(const struct capture_start *start)
{
    uintptr_t sp = start->sp, main_end = (uintptr_t)__libc_stack_end, descriptor = (uintptr_t)pthread_self();
    if (main_end - sp < MAIN_STACK)
        return (struct extent){main_end, main_end};
    if (start->top - sp < OWN_STACK && sp < descriptor)
        return (struct extent){descriptor, descriptor};
    /* far from the outer end, or a coroutine's: nobody knows where that ends */
    return (struct extent){(sp | (PAGE - 1)) + 1, sp < descriptor ? descriptor : UINTPTR_MAX - PAGE};
}

/* rt_sigprocmask reads the new set before it finds that there is no such `how` (kernel/signal.c): EFAULT
 * tells what cannot be read, and nothing else happens. */
static bool is_readable(uintptr_t page)
{
    int saved = errno;
    syscall(SYS_rt_sigprocmask, -1, page, NULL, 8);
    bool readable = errno != EFAULT;
    errno = saved;
    return readable;
}

/* One more page. False: the stack ends here. */
static __attribute__((noinline, cold)) bool extend(struct extent *extent, uintptr_t sp)
{
    if (extent->end >= extent->limit || extent->end - sp > LARGEST_FRAME || !is_readable(extent->end))
        return false;
    extent->end += PAGE;
    if (extent->end > extent->limit)
        extent->end = extent->limit;
    return true;
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

#define BEYOND 0x80000000u /* why a walk stops: the frame's caller lies beyond the end of the extent */

/* Goes from a frame to its caller's by a rule of any kind: 0, BEYOND, or THREADLEAK_SITE_CUT where what the
 * rule says cannot be. Nothing was read then but words of the stack from the stack pointer on. */
static inline uint32_t step(struct capture_start *frame, cfi_rule_t rule, uintptr_t end)
{
    const uintptr_t word = sizeof(uintptr_t);
    uintptr_t sp = frame->sp, fp = frame->fp;
    uintptr_t cfa = (cfi_base(rule) == CFI_FROM_SP ? sp : fp) + (uintptr_t)cfi_offset(rule);
    if (cfi_base(rule) == CFI_LOADED_BY_FP) {
        if (cfa < sp || cfa % word)
            return THREADLEAK_SITE_CUT;
        if (cfa > end - word)
            return BEYOND;
        cfa = *(uintptr_t *)cfa;
    }
    uintptr_t ra_slot = cfa + (uintptr_t)cfi_ra_slot(rule);
    uintptr_t fp_slot = (cfi_fp_is_saved_by_fp(rule) ? fp : cfa) + (uintptr_t)cfi_fp_slot(rule);
    if (cfa <= sp || cfa % word || ra_slot < sp)
        return THREADLEAK_SITE_CUT;
    if (cfa > end)
        return BEYOND;
    if (cfi_fp_is_saved(rule)) {
        if (fp_slot < sp || fp_slot > cfa - word || fp_slot % word)
            return THREADLEAK_SITE_CUT;
        frame->fp = *(uintptr_t *)fp_slot;
    }
    frame->pc = strip(*(uintptr_t *)ra_slot);
    frame->sp = cfa;
    return 0;
}

/* The same for a plain rule, of which most was checked when it was made. */
static inline uint32_t step_plainly(struct capture_start *frame, cfi_rule_t rule, uintptr_t end)
{
    uintptr_t cfa = frame->sp + (uintptr_t)cfi_offset(rule);
    if (cfa > end)
        return BEYOND;
    if (cfi_fp_slot(rule))
        frame->fp = *(uintptr_t *)(cfa + (uintptr_t)cfi_fp_slot(rule));
    frame->pc = strip(*(uintptr_t *)(cfa + (uintptr_t)cfi_ra_slot(rule)));
    frame->sp = cfa;
    return 0;
}

/* Goes to the caller's frame and returns 0; or why the stack ends here. */
static inline uint32_t go_out(struct capture_start *frame, cfi_rule_t rule, uintptr_t end)
{
    if (cfi_is_plain(rule))
        return step_plainly(frame, rule, end);
    /* ld.so's entry point has no rule, but where it is called there is no room for a caller's frame */
    if (rule == CFI_OUTERMOST || (rule == CFI_NONE && frame->sp == (uintptr_t)__libc_stack_end))
        return THREADLEAK_SITE_COMPLETE;
    return rule != CFI_NONE ? step(frame, rule, end) : THREADLEAK_SITE_CUT;
}

struct walk {
    struct capture_start frame; /* not yet written down */
    struct extent extent;
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
    const uintptr_t end = walk->extent.end, start = walk->module_start, size = walk->module_size;
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
    return go_out(&walk->frame, find_rule(walk, key), walk->extent.end);
}

unsigned capture_stack(const struct capture_start *start, uint64_t *frames, unsigned max, uint32_t *flags)
{
    struct walk walk = {.frame = *start, .extent = extent_of(start), .frames = frames, .max = max};
    walk.frame.pc = strip(start->pc);
    enter_module(&walk);
    for (;;) {
        uint32_t why = walk_known(&walk);
        if (!why && !is_in_module(&walk, walk.frame.pc) && enter_module(&walk))
            continue;
        if (!why)
            why = walk_unknown(&walk);
        if (why == BEYOND && extend(&walk.extent, walk.frame.sp)) {
            walk.count--; /* the frame that could not be left is tried again */
        } else if (why) {
            *flags = why == BEYOND ? THREADLEAK_SITE_CUT : why;
            return walk.count;
        }
    }
}
