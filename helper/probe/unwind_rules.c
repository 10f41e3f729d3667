/* SPDX-License-Identifier: MIT */
#include "unwind_rules.h"

#include <dwarf.h>
#include <stdlib.h>

#include "function_starts.h"

static bool is_based_on(Dwarf_Frame *frame, int number)
{
    Dwarf_Op *operations;
    size_t count;
    if (dwarf_frame_cfa(frame, &operations, &count) || count != 1)
        return false;
    return (operations->atom == DW_OP_bregx && operations->number == (Dwarf_Word)number) ||
           operations->atom == DW_OP_breg0 + number;
}

static void read_rule(struct unwind_rules *rules, Dwarf_CFI *cfi, Dwarf_Addr bias, struct unwind_rule *rule)
{
    Dwarf_Frame *frame;
    Dwarf_Op memory[3], *operations;
    size_t count;
    bool is_signal;
    if (!cfi || dwarf_cfi_addrframe(cfi, rule->pc - bias, &frame))
        return;
    int return_address = dwarf_frame_info(frame, NULL, NULL, &is_signal);
    rule->is_there = true;
    rule->wants_fp = is_based_on(frame, rules->frame_pointer);
    rule->is_outermost = return_address >= 0 &&
                         !dwarf_frame_register(frame, return_address, memory, &operations, &count) &&
                         !count && operations == memory;
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
    if (module && module->file.bytes) {
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
