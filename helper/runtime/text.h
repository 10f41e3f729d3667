/* SPDX-License-Identifier: MIT
 *
 * text.h - a text that is put together in memory of a fixed size. What does not fit is left out, and that is
 * remembered.
 */
#ifndef THREADLEAK_TEXT_H
#define THREADLEAK_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *start;
    size_t size, length; /* length: without the zero byte that always follows */
    bool is_cut;
};

/* `memory` may be NULL where `size` is 0: then nothing is kept. */
struct text text_in(char *memory, size_t size);

void text_add(struct text *text, const char *more);
void text_add_bytes(struct text *text, const char *more, size_t size);
void text_add_number(struct text *text, uint64_t number);
void text_add_address(struct text *text, uint64_t address);

#endif
