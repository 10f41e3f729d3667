/* SPDX-License-Identifier: MIT
 *
 * unwind_rules.h - the unwind rules (call frame information) of a pc, read by libdw and kept, as there are
 * few different ones in many stacks.
 */
#ifndef THREADLEAK_UNWIND_RULES_H
#define THREADLEAK_UNWIND_RULES_H

#include "modules.h"

struct unwind_rule {
    uint64_t pc;       /* 0: none is kept here */
    bool is_there;     /* else libdw follows the frame pointer */
    bool is_outermost; /* it has no caller: the return address is undefined */
    bool wants_fp;     /* where its frame ends is told by the frame pointer */
    uint64_t start;    /* where the function begins; 0: not known */
    /* The rule is a simple one: the frame ends `size` behind sp, or the frame pointer; the return address
     * and, if `saves_fp`, the caller's frame pointer lie at these distances from there. Else the rest means
     * nothing, and libdw has to apply it. */
    bool is_simple;
    bool saves_fp, keeps_fp; /* keeps: it is still in its register; neither: it is lost */
    int64_t size, return_address, fp;
};

#define UNWIND_RULES 1024

struct unwind_rules {
    struct modules *modules;
    const struct arch *arch;
    struct unwind_rule kept[UNWIND_RULES];
};

/* Valid until the next call. */
const struct unwind_rule *unwind_rule_at(struct unwind_rules *rules, uint64_t pc);

#endif
