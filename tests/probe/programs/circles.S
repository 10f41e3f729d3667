/* SPDX-License-Identifier: MIT
 *
 * circles.S - variables whose types lead in circles or have no end: debug information that no compiler writes.
 * DWARF 4, section 7.5 has the numbers.
 */
#define TAG(number) .uleb128 number
#define HAS_CHILDREN .byte 1
#define NO_CHILDREN .byte 0
#define NAME .byte 0x03, 0x08     /* DW_AT_name, DW_FORM_string */
#define LOCATION .byte 0x02, 0x18 /* DW_AT_location, DW_FORM_exprloc */
#define TYPE .byte 0x49, 0x13     /* DW_AT_type, DW_FORM_ref4 */
#define SIZE .byte 0x0b, 0x0b     /* DW_AT_byte_size, DW_FORM_data1 */
#define OFFSET .byte 0x38, 0x0b   /* DW_AT_data_member_location, DW_FORM_data1 */
#define COUNT .byte 0x37, 0x07    /* DW_AT_count, DW_FORM_data8 */
#define END .byte 0, 0

	.section .debug_abbrev, "", @progbits
	.byte 1; TAG(0x11); HAS_CHILDREN; END                     /* compile_unit */
	.byte 2; TAG(0x34); NO_CHILDREN; NAME; LOCATION; TYPE; END /* variable */
	.byte 3; TAG(0x16); NO_CHILDREN; TYPE; END                /* typedef */
	.byte 4; TAG(0x13); HAS_CHILDREN; SIZE; END               /* structure_type */
	.byte 5; TAG(0x17); HAS_CHILDREN; SIZE; END               /* union_type */
	.byte 6; TAG(0x0d); NO_CHILDREN; NAME; TYPE; OFFSET; END  /* member */
	.byte 7; TAG(0x01); HAS_CHILDREN; TYPE; END               /* array_type */
	.byte 8; TAG(0x21); NO_CHILDREN; COUNT; END               /* subrange_type */
	.byte 0

	.macro variable name, type
	.byte 2
	.asciz "\name"
	.byte 9, 3 /* DW_OP_addr */
	.quad \name
	.long \type - unit
	.pushsection .bss
	.globl \name
	.type \name, @object
	.size \name, 64
\name:	.skip 64
	.popsection
	.endm

	.macro member name, type, offset
	.byte 6
	.asciz "\name"
	.long \type - unit
	.byte \offset
	.endm

	.section .debug_info, "", @progbits
unit:	.long unit_end - unit_begin
unit_begin:
	.short 4
	.long .debug_abbrev
	.byte 8, 1
	variable in_typedefs, circle
	variable in_itself, structure
	variable in_both, both
	variable of_itself, array
	variable endless, large
	variable outside, beyond
circle:	.byte 3
	.long second - unit
second:	.byte 3
	.long circle - unit
structure:
	.byte 4, 64
	member self, structure, 0
	member behind, structure, 1
	.byte 0
both:	.byte 5, 64
	member one, both, 0
	member two, both, 0
	.byte 0
array:	.byte 7
	.long array - unit
	.byte 8
	.quad 4
	.byte 0
large:	.byte 7
	.long structure - unit
	.byte 8
	.quad 0x7fffffffffffffff
	.byte 0
beyond:	.byte 4, 64
	member far, structure, 255
	.byte 0
	.byte 0
unit_end:

	.section .rodata
ready:	.ascii "ready"

	.text
	.globl main
	.type main, @function
main:	.cfi_startproc
	sub $8, %rsp
	.cfi_adjust_cfa_offset 8
	mov $1, %edi
	lea ready(%rip), %rsi
	mov $5, %edx
	call write@plt
	call pause@plt
	hlt
	.cfi_endproc
	.size main, . - main

	.section .note.GNU-stack, "", @progbits
