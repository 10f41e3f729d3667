/* SPDX-License-Identifier: MIT */
#include "cfi.h"

#include "eh_frame.h"

/* Call frame instructions (DWARF 5, 7.24, and those of gcc and the Arm ABI). The first three keep an
 * operand in their low six bits. */
enum {
    CFA_ADVANCE_LOC = 0x40,
    CFA_OFFSET = 0x80,
    CFA_RESTORE = 0xc0,
    CFA_NOP = 0x00,
    CFA_SET_LOC = 0x01,
    CFA_ADVANCE_LOC1 = 0x02,
    CFA_ADVANCE_LOC2 = 0x03,
    CFA_ADVANCE_LOC4 = 0x04,
    CFA_OFFSET_EXTENDED = 0x05,
    CFA_RESTORE_EXTENDED = 0x06,
    CFA_UNDEFINED = 0x07,
    CFA_SAME_VALUE = 0x08,
    CFA_REGISTER = 0x09,
    CFA_REMEMBER_STATE = 0x0a,
    CFA_RESTORE_STATE = 0x0b,
    CFA_DEF_CFA = 0x0c,
    CFA_DEF_CFA_REGISTER = 0x0d,
    CFA_DEF_CFA_OFFSET = 0x0e,
    CFA_DEF_CFA_EXPRESSION = 0x0f,
    CFA_EXPRESSION = 0x10,
    CFA_OFFSET_EXTENDED_SF = 0x11,
    CFA_DEF_CFA_SF = 0x12,
    CFA_DEF_CFA_OFFSET_SF = 0x13,
    CFA_VAL_OFFSET = 0x14,
    CFA_VAL_OFFSET_SF = 0x15,
    CFA_VAL_EXPRESSION = 0x16,
    CFA_AARCH64_NEGATE_RA_STATE = 0x2d,
    CFA_GNU_ARGS_SIZE = 0x2e,
    CFA_GNU_NEGATIVE_OFFSET_EXTENDED = 0x2f
};

enum { OP_DEREF = 0x06, OP_BREG_FP = 0x70 + REGISTER_FP }; /* DWARF expressions (DWARF 5, 7.7.1) */

/* Where the caller's value of a register is. */
enum saved_how { SAVED_NOT, SAVED_UNDEFINED, SAVED_AT_CFA, SAVED_AT_FP, SAVED_OTHERWISE };

struct saved {
    int32_t offset : 29;
    uint32_t how : 3; /* enum saved_how */
};

enum cfa_how { CFA_BY_SP, CFA_BY_FP, CFA_LOADED_BY_FP, CFA_OTHERWISE };

/* One row of the table that call frame instructions stand for. */
struct row {
    int32_t cfa_offset;
    uint8_t cfa;         /* enum cfa_how */
    bool has_rule_of_sp; /* the caller's stack pointer is not the CFA */
    struct saved fp;
    struct saved ra;
};

#define REMEMBERED_MAX 4 /* compilers use 1 */

struct machine {
    const struct description *description;
    uintptr_t at; /* first address for which `row` holds */
    struct row row;
    struct row initial; /* after the CIE's instructions */
    struct row remembered[REMEMBERED_MAX];
    unsigned remembered_count;
};

static void set_saved(struct machine *machine, uint64_t reg, enum saved_how how, int64_t offset)
{
    struct saved saved = {.offset = (int32_t)offset, .how = how};
    if (saved.offset != offset)
        saved.how = SAVED_OTHERWISE;
    if (reg == REGISTER_FP)
        machine->row.fp = saved;
    else if (reg == REGISTER_RA)
        machine->row.ra = saved;
    else if (reg == REGISTER_SP)
        machine->row.has_rule_of_sp = how != SAVED_NOT;
}

static void restore(struct machine *machine, uint64_t reg)
{
    if (reg == REGISTER_FP)
        machine->row.fp = machine->initial.fp;
    else if (reg == REGISTER_RA)
        machine->row.ra = machine->initial.ra;
    else if (reg == REGISTER_SP)
        machine->row.has_rule_of_sp = machine->initial.has_rule_of_sp;
}

static void set_cfa_register(struct row *row, uint64_t reg)
{
    row->cfa = reg == REGISTER_SP ? CFA_BY_SP : reg == REGISTER_FP ? CFA_BY_FP : CFA_OTHERWISE;
}

/* No frame has an offset that does not fit: made one that is never above the stack pointer. */
static void set_cfa_offset(struct row *row, int64_t offset)
{
    row->cfa_offset = (int32_t)offset == offset ? (int32_t)offset : INT32_MIN;
}

/* Whether the expression is "frame pointer plus offset", and, if `loaded`, then "load from there". */
static bool is_by_fp(struct cursor code, bool loaded, int64_t *offset)
{
    if (read_uint(&code, 1) != OP_BREG_FP)
        return false;
    *offset = read_sleb128(&code);
    if (loaded && read_uint(&code, 1) != OP_DEREF)
        return false;
    return code.at && code.at == code.end;
}

static void set_cfa_expression(struct row *row, struct cursor code)
{
    int64_t offset = 0;
    row->cfa = is_by_fp(code, true, &offset) ? CFA_LOADED_BY_FP : CFA_OTHERWISE;
    set_cfa_offset(row, offset);
}

static void set_saved_expression(struct machine *machine, uint64_t reg, struct cursor code)
{
    int64_t offset = 0;
    bool by_fp = is_by_fp(code, false, &offset);
    set_saved(machine, reg, by_fp ? SAVED_AT_FP : SAVED_OTHERWISE, offset);
}

/* Products are taken modulo 2^64: any number may be in the bytes. */
static int64_t scaled(const struct machine *machine, uint64_t number)
{
    return (int64_t)(number * (uint64_t)machine->description->data_factor);
}

static void advance(struct machine *machine, uint64_t delta)
{
    machine->at += delta * machine->description->code_factor;
}

static bool remember_state(struct machine *machine)
{
    if (machine->remembered_count == REMEMBERED_MAX)
        return false;
    machine->remembered[machine->remembered_count++] = machine->row;
    return true;
}

static bool restore_state(struct machine *machine)
{
    if (machine->remembered_count == 0)
        return false;
    machine->row = machine->remembered[--machine->remembered_count];
    return true;
}

/* Instructions that define the CFA. False: it is none of them. */
static bool execute_cfa(struct machine *machine, unsigned instruction, struct cursor *code)
{
    struct row *row = &machine->row;
    switch (instruction) {
    case CFA_DEF_CFA:
        set_cfa_register(row, read_uleb128(code));
        set_cfa_offset(row, (int64_t)read_uleb128(code));
        return true;
    case CFA_DEF_CFA_SF:
        set_cfa_register(row, read_uleb128(code));
        set_cfa_offset(row, scaled(machine, (uint64_t)read_sleb128(code)));
        return true;
    case CFA_DEF_CFA_REGISTER:
        set_cfa_register(row, read_uleb128(code));
        return true;
    case CFA_DEF_CFA_OFFSET:
        set_cfa_offset(row, (int64_t)read_uleb128(code));
        return true;
    case CFA_DEF_CFA_OFFSET_SF:
        set_cfa_offset(row, scaled(machine, (uint64_t)read_sleb128(code)));
        return true;
    case CFA_DEF_CFA_EXPRESSION:
        set_cfa_expression(row, read_block(code, read_uleb128(code)));
        return true;
    }
    return false;
}

/* Instructions that say where the caller's value of a register is: a register and, mostly, an operand. */
static bool execute_register(struct machine *machine, unsigned instruction, struct cursor *code)
{
    uint64_t reg = read_uleb128(code);
    switch (instruction) {
    case CFA_OFFSET_EXTENDED:
        set_saved(machine, reg, SAVED_AT_CFA, scaled(machine, read_uleb128(code)));
        return true;
    case CFA_OFFSET_EXTENDED_SF:
        set_saved(machine, reg, SAVED_AT_CFA, scaled(machine, (uint64_t)read_sleb128(code)));
        return true;
    case CFA_GNU_NEGATIVE_OFFSET_EXTENDED:
        set_saved(machine, reg, SAVED_AT_CFA, scaled(machine, -read_uleb128(code)));
        return true;
    case CFA_RESTORE_EXTENDED:
        restore(machine, reg);
        return true;
    case CFA_UNDEFINED:
        set_saved(machine, reg, SAVED_UNDEFINED, 0);
        return true;
    case CFA_SAME_VALUE:
        set_saved(machine, reg, SAVED_NOT, 0);
        return true;
    case CFA_EXPRESSION:
        set_saved_expression(machine, reg, read_block(code, read_uleb128(code)));
        return true;
    case CFA_REGISTER:
    case CFA_VAL_OFFSET:
    case CFA_VAL_OFFSET_SF:
        read_uleb128(code);
        set_saved(machine, reg, SAVED_OTHERWISE, 0);
        return true;
    case CFA_VAL_EXPRESSION:
        read_block(code, read_uleb128(code));
        set_saved(machine, reg, SAVED_OTHERWISE, 0);
        return true;
    }
    return false;
}

/* Executes one instruction. False: unknown, or malformed. */
static bool execute_one(struct machine *machine, struct cursor *code)
{
    unsigned instruction = (unsigned)read_uint(code, 1);
    unsigned operand = instruction & 0x3f;
    switch (instruction & 0xc0) {
    case CFA_ADVANCE_LOC:
        advance(machine, operand);
        return true;
    case CFA_OFFSET:
        set_saved(machine, operand, SAVED_AT_CFA, scaled(machine, read_uleb128(code)));
        return true;
    case CFA_RESTORE:
        restore(machine, operand);
        return true;
    }
    switch (instruction) {
    case CFA_NOP:
        return true;
    case CFA_SET_LOC:
        machine->at = read_pointer(code, machine->description->encoding, 0);
        return true;
    case CFA_ADVANCE_LOC1:
        advance(machine, read_uint(code, 1));
        return true;
    case CFA_ADVANCE_LOC2:
        advance(machine, read_uint(code, 2));
        return true;
    case CFA_ADVANCE_LOC4:
        advance(machine, read_uint(code, 4));
        return true;
    case CFA_REMEMBER_STATE:
        return remember_state(machine);
    case CFA_RESTORE_STATE:
        return restore_state(machine);
    case CFA_GNU_ARGS_SIZE:
        read_uleb128(code);
        return true;
#if defined(__aarch64__)
    case CFA_AARCH64_NEGATE_RA_STATE: /* a signed return address: the walk strips every one */
        return true;
#endif
    }
    return execute_cfa(machine, instruction, code) || execute_register(machine, instruction, code);
}

/* Executes instructions up to the row that holds at `pc`. */
static bool execute(struct machine *machine, struct cursor code, uintptr_t pc)
{
    while (code.at && code.at != code.end) {
        if (!execute_one(machine, &code) || !code.at)
            return false;
        if (machine->at > pc) /* this instruction has advanced and nothing else */
            return true;
    }
    return code.at != NULL;
}

/* True if `offset` is a number of words that `bits` bits hold. */
static bool is_slot(int32_t offset, unsigned bits)
{
    int32_t words = offset / (int32_t)sizeof(uintptr_t);
    int32_t limit = 1 << (bits - 1);
    return offset % (int32_t)sizeof(uintptr_t) == 0 && words >= -limit && words < limit;
}

/* Whether the slots of a row with CFA_BY_SP lie between stack pointer and CFA, and the CFA is aligned. */
static bool is_within_frame(const struct row *row)
{
    int32_t size = row->cfa_offset;
    return size > 0 && size % (int32_t)sizeof(uintptr_t) == 0 && row->ra.offset >= -size &&
           (row->fp.how != SAVED_AT_CFA || row->fp.offset >= -size);
}

static cfi_rule_t pack(const struct row *row)
{
    static const uint8_t base_of[] = {[CFA_BY_SP] = CFI_FROM_SP,
                                      [CFA_BY_FP] = CFI_FROM_FP,
                                      [CFA_LOADED_BY_FP] = CFI_LOADED_BY_FP,
                                      [CFA_OTHERWISE] = CFI_NO_RULE};
    if (row->ra.how == SAVED_UNDEFINED)
        return CFI_OUTERMOST;
    if (base_of[row->cfa] == CFI_NO_RULE || row->has_rule_of_sp)
        return CFI_NONE;
    if (row->ra.how != SAVED_AT_CFA || row->ra.offset >= 0 || !is_slot(row->ra.offset, 13))
        return CFI_NONE;
    if (row->fp.how == SAVED_UNDEFINED || row->fp.how == SAVED_OTHERWISE || !is_slot(row->fp.offset, 16))
        return CFI_NONE;
    if (row->fp.how == SAVED_AT_CFA && row->fp.offset >= 0)
        return CFI_NONE;
    if (row->cfa == CFA_BY_SP && !is_within_frame(row))
        return CFI_NONE;
    uint64_t rule = base_of[row->cfa];
    rule |= row->fp.how == SAVED_AT_FP ? 4 : 0;
    rule |= (uint64_t)(uint16_t)(row->ra.offset / (int32_t)sizeof(uintptr_t) * 8);
    rule |= (uint64_t)(uint16_t)(row->fp.offset / (int32_t)sizeof(uintptr_t)) << 16;
    return rule | (uint64_t)(uint32_t)row->cfa_offset << 32;
}

cfi_rule_t cfi_find(uintptr_t pc, uintptr_t eh_frame_hdr, uintptr_t start, uintptr_t end)
{
    struct description description;
    if (!eh_frame_find(pc, eh_frame_hdr, start, end, &description) || description.is_signal_frame)
        return CFI_NONE;
    struct machine machine;
    memset(&machine, 0, sizeof machine);
    machine.description = &description;
    machine.row.cfa = CFA_OTHERWISE;
    machine.at = description.start;
    if (!execute(&machine, description.common_code, pc))
        return CFI_NONE;
    machine.initial = machine.row;
    return execute(&machine, description.code, pc) ? pack(&machine.row) : CFI_NONE;
}
