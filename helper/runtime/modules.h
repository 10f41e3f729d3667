/* SPDX-License-Identifier: MIT
 *
 * modules.h - the ELF files that creation stacks and start routines lie in, kept by name, place and
 * build-id, so that an address can still be named after dlclose and in a core without its files.
 */
#ifndef THREADLEAK_MODULES_H
#define THREADLEAK_MODULES_H

#include <dlfcn.h>
#include <stdint.h>

#include "threadleak_abi.h"

/* Makes the table of modules. Called once, before anything else here. */
void modules_init(struct threadleak_table *table);

/* The module that holds `pc`, and its index in the table, entered there on first sight. NULL, index 0:
 * none does (JIT code), or there is no room. Lock-free, callable in signal handlers, about 10 ns when known.
 * The answer is right although a file was unloaded and another one loaded at the same place meanwhile. */
const struct threadleak_module *module_of(uintptr_t pc, uint16_t *index);

/* dlclose was called: what is known of the modules must be checked again before it is used. */
void modules_changed(void);

#endif
