/* SPDX-License-Identifier: MIT */
#include "unwind_rules.h"

#include <dwarf.h>
#include <stdlib.h>

#include "function_starts.h"

/* Where the frame ends, the canonical frame address: a register and an offset. */
static bool read_frame_end(Dwarf_Frame *frame, int *number, int64_t *offset)
{
    Dwarf_Op *operations;
    size_t count;
    if (dwarf_frame_cfa(frame, &operations, &count) || count != 1)
        return false;
    bool is_bregx = operations->atom == DW_OP_bregx;
    if (!is_bregx && (operations->atom < DW_OP_breg0 || operations->atom > DW_OP_breg31))
        return false;
    *number = is_bregx ? (int)operations->number : operations->atom - DW_OP_breg0;
    *offset = (int64_t)(is_bregx ? operations->number2 : operations->number);
    return true;
}

enum where { UNDEFINED, KEPT, SAVED, ELSEWHERE };

/* Where the caller's value of a register is. dwarf_frame_register gives a location expression. */
static enum where read_place(Dwarf_Frame *frame, int number, int64_t *offset)
{
    Dwarf_Op memory[3], *operations;
    size_t count;
    if (number < 0 || dwarf_frame_register(frame, number, memory, &operations, &count))
        return ELSEWHERE;
    if (!count)
        return operations == memory ? UNDEFINED : KEPT;
    if (operations[0].atom != DW_OP_call_frame_cfa || count > 2 ||
        (count == 2 && operations[1].atom != DW_OP_plus_uconst))
        return ELSEWHERE;
    *offset = count == 2 ? (int64_t)operations[1].number : 0;
    return SAVED;
}

static void read_rule(struct unwind_rules *rules, Dwarf_CFI *cfi, Dwarf_Addr bias, struct unwind_rule *rule)
{
    Dwarf_Frame *frame;
    int base = -1;
    bool is_signal = true;
    if (!cfi || dwarf_cfi_addrframe(cfi, rule->pc - bias, &frame))
        return;
    int fp = rules->arch->frame_pointer;
    enum where return_address =
        read_place(frame, dwarf_frame_info(frame, NULL, NULL, &is_signal), &rule->return_address);
    enum where saved_fp = read_place(frame, fp, &rule->fp);
    bool has_end = read_frame_end(frame, &base, &rule->size);
    rule->is_there = true;
    rule->wants_fp = base == fp;
    rule->is_outermost = return_address == UNDEFINED;
    rule->saves_fp = saved_fp == SAVED;
    rule->keeps_fp = saved_fp == KEPT;
    rule->is_simple = has_end && !is_signal && return_address == SAVED && saved_fp != ELSEWHERE &&
                      (base == fp || base == rules->arch->sp);
    free(frame);
}

const struct unwind_rule *unwind_rule_at(struct unwind_rules *rules, uint64_t pc)
{
    struct unwind_rule *rule = &rules->kept[pc % UNWIND_RULES];
    if (rule->pc == pc)
        return rule;
    struct module *module = modules_at(rules->modules, pc);
    Dwarf_Addr bias = 0;
    *rule = (struct unwind_rule){.pc = pc};
    if (module && elf_file_is_whole(&module->file)) {
        Dwarf_CFI *cfi = dwfl_module_eh_cfi(module->dwfl, &bias);
        read_rule(rules, cfi, bias, rule);
        if (!rule->is_there) {
            cfi = dwfl_module_dwarf_cfi(module->dwfl, &bias);
            read_rule(rules, cfi, bias, rule);
        }
        struct function_starts starts = function_starts_of(&module->file);
        uint64_t start = function_start_before(&starts, pc - module->bias);
        rule->start = start ? start + module->bias : 0;
    }
    return rule;
}
