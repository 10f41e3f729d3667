/* SPDX-License-Identifier: MIT
 *
 * local_names.h - names for functions of stripped libraries that are not exported: the slow path of sem_wait
 * is a function of its own, where a thread that waits is found. Where functions begin is told by
 * .eh_frame_hdr, which strip leaves; a function that is only reached from one exported function, directly or
 * through others that are, is a part of that one. x86-64 alone: other code is not taken apart.
 */
#ifndef THREADLEAK_LOCAL_NAMES_H
#define THREADLEAK_LOCAL_NAMES_H

#include "elf_file.h"

struct local_function {
    uint64_t start; /* virtual address in the file */
    const char *of; /* the exported function, which it may be itself; NULL: of several, or of none */
};

struct local_names {
    struct local_function *list; /* by address */
    uint32_t count;
};

/* Takes 4 ms for libc. Names belong to `file`. */
void local_names_read(const struct elf_file *file, struct local_names *names);
void local_names_free(struct local_names *names);

/* The exported function that what lies at `address` is a part of, or NULL. */
const char *local_names_find(const struct local_names *names, uint64_t address);

#endif
