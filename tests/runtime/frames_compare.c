/* SPDX-License-Identifier: MIT */
#include "frames_compare.h"

#include <stdio.h>
#include <string.h>
#include <unwind.h>

static unsigned stacks_compared;
static unsigned stacks_wrong;
static char first_complaint[200];

void complain(const char *what, unsigned frame, uint64_t got, uint64_t wanted)
{
    if (__atomic_fetch_add(&stacks_wrong, 1, __ATOMIC_RELAXED) == 0)
        snprintf(first_complaint, sizeof first_complaint, "%s: frame %u: %#llx instead of %#llx", what, frame,
                 (unsigned long long)got, (unsigned long long)wanted);
}

void assert_all_right(const char *what, unsigned least_stacks)
{
    unsigned wrong = stacks_wrong, compared = stacks_compared;
    stacks_wrong = stacks_compared = 0;
    if (wrong || compared < least_stacks)
        fail_msg("%s: %u of %u stacks are wrong: %s", what, wrong, compared, first_complaint);
}

struct reference {
    uintptr_t pcs[MOST];
    unsigned count;
    bool is_complete;
    uintptr_t first; /* frames further in do not count */
};

static __thread struct reference reference;
__thread uint64_t frames[MOST];

static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *unused)
{
    uintptr_t pc = _Unwind_GetIP(context);
    (void)unused;
    if (!pc)
        reference.is_complete = true;
    else if (reference.count || pc == reference.first)
        reference.pcs[reference.count++] = pc;
    return reference.count == MOST ? _URC_END_OF_STACK : _URC_NO_REASON;
}

static void compare_to_reference(const struct capture_start *start, unsigned max,
                                 enum expectation expectation)
{
    uint32_t flags = 0, wanted = THREADLEAK_SITE_CUT;
    unsigned count = capture_stack(start, frames, max, &flags);
    __atomic_fetch_add(&stacks_compared, 1, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < count && i < reference.count; i++)
        if (THREADLEAK_FRAME_PC(frames[i]) != reference.pcs[i])
            return complain("another frame", i, THREADLEAK_FRAME_PC(frames[i]), reference.pcs[i]);
    if (expectation != CUT) {
        bool is_complete = expectation == IN_START || reference.is_complete;
        unsigned whole = reference.count < max ? reference.count : max;
        if (reference.count > max)
            wanted = THREADLEAK_SITE_TRUNCATED;
        else if (is_complete)
            wanted = THREADLEAK_SITE_COMPLETE;
        if (count != whole)
            return complain("length", count, count, whole);
    } else if (count > reference.count || count == 0) {
        return complain("length", count, count, reference.count);
    }
    if (flags != wanted)
        complain("flags", count, flags, wanted);
}

void compare(const struct capture_start *start, enum expectation expectation)
{
    memset(&reference, 0, sizeof reference);
    reference.first = start->pc;
    _Unwind_Backtrace(note, NULL);
    compare_to_reference(start, MOST, expectation); /* cold, the first time */
    compare_to_reference(start, MOST, expectation);
    if (expectation == SAME)
        compare_to_reference(start, 32, expectation);
}
