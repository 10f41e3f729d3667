/* SPDX-License-Identifier: MIT
 *
 * modules.h - the ELF files that are mapped into the target, by the source's word, and their bytes, by
 * module_file.h. No file is opened before it is needed; none of another build than what is mapped is used.
 */
#ifndef THREADLEAK_MODULES_H
#define THREADLEAK_MODULES_H

#include "module_file.h"

/* Made when it is first asked for; NULL: out of memory. */
struct modules *modules_of(struct threadleak_probe *probe);
/* The one of a source of gone.h, as `module` says that it was; NULL: its file is not found. */
struct modules *modules_of_gone(struct threadleak_probe *probe, const struct threadleak_probe_module *module);
void modules_free(struct modules *modules); /* NULL is allowed */

uint32_t modules_count(const struct modules *modules);
const char *modules_program(struct modules *modules); /* path of the program's file, or NULL */

/* Number `index` of them, by address; the one that is mapped at `address`, or NULL. Both loaded: what nothing
 * is known of but where it lies has no bytes in `file`. */
struct module *modules_get(struct modules *modules, uint32_t index);
struct module *modules_at(struct modules *modules, uint64_t address);

/* All of them, as libdwfl knows them. */
Dwfl *modules_dwfl(struct modules *modules);

/* Pages of mapped files that the source itself does not have. Bytes read, 0: none. */
size_t modules_read(struct threadleak_probe *probe, uint64_t address, void *buffer, size_t size);

#endif
