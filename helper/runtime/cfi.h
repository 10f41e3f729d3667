/* SPDX-License-Identifier: MIT
 *
 * cfi.h - call frame information: how to get from a frame to its caller's, as the compiler wrote it down in
 * .eh_frame (Linux Standard Base 5.0, part "Exception Frames"; DWARF 5, section 6.4).
 *
 * An instruction addresses its caller's frame by the canonical frame address (CFA): the stack pointer as it
 * was before the call. Only rules that need nothing but stack pointer and frame pointer are known; they are
 * all that compilers write for code that calls something. Whatever else there is, malformed bytes included,
 * is no rule. The bytes are not trusted: none outside of the given bounds is read. No malloc, no locks.
 */
#ifndef THREADLEAK_CFI_H
#define THREADLEAK_CFI_H

#include <stdbool.h>
#include <stdint.h>

/* A rule in one word, so that it can be read and written atomically:
 *   bits 0..1    how the CFA is found: enum cfi_base
 *   bit  2       the caller's frame pointer is saved relative to the frame pointer, not to the CFA
 *   bits 3..15   where the return address is saved, in words from the CFA
 *   bits 16..31  where the caller's frame pointer is saved, in words; 0 and bit 2 not set: it is unchanged
 *   bits 32..63  offset, in bytes, that belongs to enum cfi_base
 */
typedef uint64_t cfi_rule_t;

enum cfi_base {
    CFI_NO_RULE,     /* CFI_NONE or CFI_OUTERMOST */
    CFI_FROM_SP,     /* stack pointer + offset */
    CFI_FROM_FP,     /* frame pointer + offset: alloca, variable-length arrays */
    CFI_LOADED_BY_FP /* the word at frame pointer + offset: gcc's re-aligned stacks (DRAP) */
};

#define CFI_NONE ((cfi_rule_t)0)
#define CFI_OUTERMOST ((cfi_rule_t)4) /* the return address is undefined: this function has no caller */

static inline enum cfi_base cfi_base(cfi_rule_t rule)
{
    return (enum cfi_base)(rule & 3);
}

/* Nearly every rule: CFI_FROM_SP, and what is saved is saved relative to the CFA. cfi_find has made sure that
 * offset and slots then are aligned and lie within the frame. */
static inline bool cfi_is_plain(cfi_rule_t rule)
{
    return (rule & 7) == CFI_FROM_SP;
}

static inline bool cfi_fp_is_saved(cfi_rule_t rule)
{
    return (rule & 0xffff0004u) != 0;
}

static inline bool cfi_fp_is_saved_by_fp(cfi_rule_t rule)
{
    return (rule & 4) != 0;
}

static inline intptr_t cfi_fp_slot(cfi_rule_t rule)
{
    return (intptr_t)(int16_t)(rule >> 16) * (intptr_t)sizeof(uintptr_t);
}

static inline intptr_t cfi_ra_slot(cfi_rule_t rule)
{
    return (intptr_t)((int16_t)rule >> 3) * (intptr_t)sizeof(uintptr_t);
}

static inline intptr_t cfi_offset(cfi_rule_t rule)
{
    return (int32_t)(rule >> 32);
}

/* The rule at the instruction that holds the address `pc`. `eh_frame_hdr` is where that section lies in
 * memory; it and .eh_frame are read within [start, end) alone, which must be readable. CFI_NONE: there is
 * none, also for a signal frame, beyond which all registers would be needed. */
cfi_rule_t cfi_find(uintptr_t pc, uintptr_t eh_frame_hdr, uintptr_t start, uintptr_t end);

#endif
