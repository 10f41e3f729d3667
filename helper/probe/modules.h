/* SPDX-License-Identifier: MIT
 *
 * modules.h - the ELF files that are mapped into the target, by the source's word, and the files that their
 * names, unwind rules and missing pages come from: on disk, in debug folders, through debuginfod where that
 * is configured (libdwfl). A file of another build than what is mapped is never used.
 */
#ifndef THREADLEAK_MODULES_H
#define THREADLEAK_MODULES_H

#include <elfutils/libdwfl.h>

#include "probe.h"

/* Made when it is first asked for; NULL: out of memory. Opens no file before one is needed. */
struct modules *modules_of(struct threadleak_probe *probe);
void modules_free(struct modules *modules); /* NULL is allowed */

uint32_t modules_count(const struct modules *modules);
const char *modules_program(struct modules *modules); /* path of the program's file, or NULL */

/* Pages of mapped files that the source itself does not have. Bytes read, 0: none. */
size_t modules_read(struct threadleak_probe *probe, uint64_t address, void *buffer, size_t size);

/* The module that is mapped at `address`, or NULL; its libdwfl counterpart, NULL: no usable file. */
struct threadleak_probe_module *modules_at(struct modules *modules, uint64_t address);
Dwfl_Module *modules_dwfl_at(struct modules *modules, uint64_t address);
Dwfl *modules_dwfl(struct modules *modules);

#endif
