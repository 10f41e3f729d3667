/* SPDX-License-Identifier: MIT
 *
 * modules.h - the ELF files that creation stacks and start routines lie in, kept by name, place and
 * build-id, so that an address can still be named after dlclose and in a core without its files.
 */
#ifndef THREADLEAK_MODULES_H
#define THREADLEAK_MODULES_H

#include <stdint.h>

#include "threadleak_abi.h"

/* Makes the table of modules. Called once, before anything else here. */
void modules_init(struct threadleak_table *table);

/* The module that holds `pc`, and its index in the table, entered there on first sight. NULL, index 0:
 * none does (JIT code), there is no room, or glibc is older than 2.35. Lock-free, callable in signal
 * handlers, about 10 ns when known, less in libc and the main program; keeps errno. The answer is right
 * although a file was unloaded and another one loaded at the same place meanwhile: they are told apart by
 * build-id, without any by threadleak_modules_changed_ and a checksum. A copy of the same build under another
 * path may keep the first path as its name. */
const struct threadleak_module *module_of(uintptr_t pc, uint16_t *index);

/* dlclose was called: modules without a build-id must be looked at again before they are used. Not hidden:
 * in the archive another member calls it. */
__attribute__((visibility("default"))) void threadleak_modules_changed_(void);

/* The readable part [*start, *end) of a loaded module that holds the address. */
void module_segment(const struct threadleak_module *module, uintptr_t address, uintptr_t *start,
                    uintptr_t *end);

#endif
