/* SPDX-License-Identifier: MIT
 *
 * Prints what the compiler makes of threadleak_abi.h: "struct field offset size", and each constant.
 * test_layout.py writes the two lists in layout_fields.h from the header's text.
 */
#include <stddef.h>
#include <stdio.h>

#include "threadleak_abi.h"

#define FIELD(type, name)                                                                                    \
    printf("%s %s %zu %zu\n", #type, #name, offsetof(struct type, name), sizeof(((struct type *)0)->name));
#define SIZE(type) printf("%s - 0 %zu\n", #type, sizeof(struct type));
#define CONSTANT(name) printf("%s = %llu\n", #name, (unsigned long long)(name));

int main(void)
{
#include "layout_fields.h"
    return 0;
}
