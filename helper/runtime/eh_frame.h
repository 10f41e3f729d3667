/* SPDX-License-Identifier: MIT
 *
 * eh_frame.h - finds the entry of .eh_frame that describes the frame of a function (Linux Standard Base 5.0,
 * "Exception Frames"). The bytes are not trusted: none outside of the given bounds is read.
 */
#ifndef THREADLEAK_EH_FRAME_H
#define THREADLEAK_EH_FRAME_H

#include "dwarf_reader.h"

/* DWARF register numbers: System V ABI AMD64, figure 3.36; DWARF for the Arm 64-bit Architecture, 4.1. */
#if defined(__x86_64__)
enum { REGISTER_FP = 6, REGISTER_SP = 7, REGISTER_RA = 16 };
#elif defined(__aarch64__)
enum { REGISTER_FP = 29, REGISTER_SP = 31, REGISTER_RA = 30 };
#else
#error "DWARF register numbers of this architecture are not known"
#endif

/* A function's frame description entry (FDE), with what it takes from its common information entry (CIE). */
struct description {
    struct cursor common_code; /* call frame instructions that come first */
    struct cursor code;
    uintptr_t start; /* the function's addresses */
    uintptr_t size;
    uint64_t code_factor;
    int64_t data_factor;
    uint8_t encoding; /* of pointers in the FDE */
    bool has_augmentation;
    bool is_signal_frame;
};

/* Finds the description of the function that holds `pc`. `eh_frame_hdr` is where that section lies in memory;
 * it and .eh_frame are read within [start, end) alone, which must be readable. False: none, or malformed. */
bool eh_frame_find(uintptr_t pc, uintptr_t eh_frame_hdr, uintptr_t start, uintptr_t end,
                   struct description *out);

#endif
