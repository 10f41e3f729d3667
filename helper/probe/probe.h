/* SPDX-License-Identifier: MIT
 *
 * probe.h - what a probe consists of. Data flows one way: source (core, live) -> modules -> stacks, symbols.
 */
#ifndef THREADLEAK_PROBE_INTERNAL_H
#define THREADLEAK_PROBE_INTERNAL_H

#include "arch.h"
#include "source.h"

struct modules; /* modules.c */
struct stacks;  /* unwind.c */
struct symbols; /* symbols.c */

struct threadleak_probe {
    struct source *source;
    struct registers *registers; /* one a thread, as the last look gave them */
    struct modules *modules;     /* each of these is made when it is first asked for */
    struct stacks *stacks;
    struct symbols *symbols;
    const char *program; /* that the caller named, or NULL */
    struct threadleak_probe_info info;
};

/* Fills the thread and its registers: what the source knows, and of its state what the code tells. False: it
 * is gone. */
bool probe_look(struct threadleak_probe *probe, uint32_t index);

/* Memory of the source, then of the mapped files that a core lacks. What threadleak_probe_read gives. */
size_t probe_read(struct threadleak_probe *probe, uint64_t address, void *buffer, size_t size);

#endif
