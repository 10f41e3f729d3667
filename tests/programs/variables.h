/* SPDX-License-Identifier: MIT
 *
 * variables.h - objects and what each is to be called: the array `named`, which tests read from memory.
 */
#include <stdint.h>

enum { EXPORTED = 1, IN_FUNCTION = 2 };

struct row {
    const volatile void *address; /* NULL: of the last row */
    const char *name;             /* by debug information */
    const char *symbol;           /* by the symbol table; NULL: as the compiler likes */
    uint64_t flags;
};
