/* SPDX-License-Identifier: MIT
 *
 * frames_asm.S - frames as only assembly has them. Each function calls frames_next with its argument.
 */
#if defined(__x86_64__)

        .macro  function name
        .text
        .p2align 4
        .globl  \name
        .type   \name, @function
\name:
        .endm

        .macro  end name
        .size   \name, . - \name
        .endm

function frames_asm_fp_is_general
        .cfi_startproc
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movl    $0x1234, %ebp
        pushq   %rbx
        .cfi_def_cfa_offset 24
        .cfi_offset %rbx, -24
        subq    $24, %rsp
        .cfi_adjust_cfa_offset 24
        call    frames_next
        addq    $24, %rsp
        .cfi_adjust_cfa_offset -24
        popq    %rbx
        .cfi_def_cfa_offset 16
        popq    %rbp
        .cfi_def_cfa_offset 8
        ret
        .cfi_endproc
end frames_asm_fp_is_general

/* The states that are remembered hold at the call again, after others in between. */
function frames_asm_remembers
        .cfi_startproc
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        subq    $32, %rsp
        .cfi_def_cfa_offset 48
        .cfi_remember_state
        nop
        .cfi_def_cfa_offset 400
        .cfi_remember_state
        nop
        .cfi_undefined %rip
        .cfi_remember_state
        nop
        .cfi_restore %rbp
        .cfi_restore %rip
        nop
        .cfi_restore_state
        nop
        .cfi_restore_state
        nop
        .cfi_restore_state
        call    frames_next
        addq    $32, %rsp
        .cfi_def_cfa_offset 16
        popq    %rbp
        .cfi_restore %rbp
        .cfi_def_cfa_offset 8
        ret
        .cfi_endproc
end frames_asm_remembers

/* The frame pointer is the caller's again; a size of pushed arguments, which says nothing about the frame. */
function frames_asm_restores_fp
        .cfi_startproc
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movl    $1, %ebp
        popq    %rbp
        .cfi_restore %rbp
        .cfi_def_cfa_offset 8
        subq    $24, %rsp
        .cfi_def_cfa_offset 32
        .cfi_escape 0x2e, 16
        movq    $1, 16(%rsp)
        call    frames_next
        addq    $24, %rsp
        .cfi_def_cfa_offset 8
        ret
        .cfi_endproc
end frames_asm_restores_fp

/* The return address lies in the next function, which has other CFI. */
function frames_asm_ends_with_call
        .cfi_startproc
        subq    $56, %rsp
        .cfi_def_cfa_offset 64
        call    frames_next
        .cfi_endproc
        .cfi_startproc
        .cfi_def_cfa_offset 640
        addq    $56, %rsp
        ret
        .cfi_endproc
end frames_asm_ends_with_call

/* DW_CFA_expression: %rbp is saved at DW_OP_breg6 0, as gcc writes it where it re-aligns the stack. */
function frames_asm_fp_in_expression
        .cfi_startproc
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movq    %rsp, %rbp
        .cfi_def_cfa_register %rbp
        .cfi_escape 0x10, 6, 2, 0x76, 0
        subq    $48, %rsp
        call    frames_next
        leave
        .cfi_def_cfa %rsp, 8
        ret
        .cfi_endproc
end frames_asm_fp_in_expression

function frames_asm_without_cfi
        subq    $24, %rsp
        call    frames_next
        addq    $24, %rsp
        ret
end frames_asm_without_cfi

/* DW_CFA_def_cfa_expression: DW_OP_breg7 24, DW_OP_plus_uconst 8 */
function frames_asm_cfa_expression
        .cfi_startproc
        subq    $24, %rsp
        .cfi_escape 0x0f, 4, 0x77, 24, 0x23, 8
        call    frames_next
        addq    $24, %rsp
        .cfi_def_cfa %rsp, 8
        ret
        .cfi_endproc
end frames_asm_cfa_expression

function frames_asm_cfa_in_rbx
        .cfi_startproc
        pushq   %rbx
        .cfi_def_cfa_offset 16
        .cfi_offset %rbx, -16
        movq    %rsp, %rbx
        .cfi_def_cfa_register %rbx
        subq    $64, %rsp
        call    frames_next
        movq    %rbx, %rsp
        .cfi_def_cfa_register %rsp
        popq    %rbx
        .cfi_def_cfa_offset 8
        ret
        .cfi_endproc
end frames_asm_cfa_in_rbx

function frames_asm_fp_in_register
        .cfi_startproc
        pushq   %r12
        .cfi_def_cfa_offset 16
        .cfi_offset %r12, -16
        movq    %rbp, %r12
        .cfi_register %rbp, %r12
        movl    $8, %ebp
        call    frames_next
        movq    %r12, %rbp
        .cfi_restore %rbp
        popq    %r12
        .cfi_def_cfa_offset 8
        ret
        .cfi_endproc
end frames_asm_fp_in_register

function frames_asm_signal_frame
        .cfi_startproc
        .cfi_signal_frame
        subq    $40, %rsp
        .cfi_def_cfa_offset 48
        call    frames_next
        addq    $40, %rsp
        .cfi_def_cfa_offset 8
        ret
        .cfi_endproc
end frames_asm_signal_frame

function frames_asm_outermost
        .cfi_startproc
        .cfi_undefined %rip
        subq    $40, %rsp
        call    frames_next
        addq    $40, %rsp
        ret
        .cfi_endproc
end frames_asm_outermost

/* To be copied elsewhere: calls the function in %rsi with the argument in %rdi. */
        .section .rodata
        .globl  frames_asm_jit
frames_asm_jit:
        subq    $24, %rsp
        call    *%rsi
        addq    $24, %rsp
        ret
        .globl  frames_asm_jit_end
frames_asm_jit_end:

#endif
        .section .note.GNU-stack, "", @progbits
