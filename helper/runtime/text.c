/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <string.h>

struct text text_in(char *memory, size_t size)
{
    if (size)
        memory[0] = '\0';
    return (struct text){memory, size, 0, false};
}

void text_add_bytes(struct text *text, const char *more, size_t size)
{
    size_t room = text->size ? text->size - 1 - text->length : 0;
    if (size > room) {
        text->is_cut = true;
        size = room;
    }
    if (!text->size)
        return;
    memcpy(text->start + text->length, more, size);
    text->length += size;
    text->start[text->length] = '\0';
}

void text_add(struct text *text, const char *more)
{
    text_add_bytes(text, more, strlen(more));
}

static void add_digits(struct text *text, uint64_t number, unsigned base)
{
    char digits[24], *at = digits + sizeof digits;
    do
        *--at = "0123456789abcdef"[number % base];
    while (number /= base);
    text_add_bytes(text, at, (size_t)(digits + sizeof digits - at));
}

void text_add_number(struct text *text, uint64_t number)
{
    add_digits(text, number, 10);
}

void text_add_address(struct text *text, uint64_t address)
{
    text_add(text, "0x");
    add_digits(text, address, 16);
}
