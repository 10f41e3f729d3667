/* SPDX-License-Identifier: MIT
 *
 * unwind_rules.h - what the unwind rules (call frame information) of a pc say, as far as unwind.c asks. Libdw
 * applies them; it does not tell what it found.
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
};

#define UNWIND_RULES 512

struct unwind_rules {
    struct modules *modules;
    int frame_pointer; /* DWARF number */
    struct unwind_rule kept[UNWIND_RULES];
};

/* Valid until the next call. */
const struct unwind_rule *unwind_rule_at(struct unwind_rules *rules, uint64_t pc);

#endif
