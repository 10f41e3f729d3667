/* SPDX-License-Identifier: MIT
 *
 * core_writer.h - writes an ELF core file, elf(5) and core(5): memory as it comes, from front to back, then
 * the notes, then the table of segments. It is made under another name beside `path`, with mode 0600 since
 * memory holds secrets, and gets its name when it is whole.
 */
#ifndef THREADLEAK_CORE_WRITER_H
#define THREADLEAK_CORE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct core_writer;

/* NULL: an error is set (error.h). */
struct core_writer *core_writer_begin(const char *path, uint16_t machine);

/* Memory at `address`, which no memory before it has held; `flags`: PF_R and so on. What goes wrong is told
 * by core_writer_end. */
void core_writer_memory(struct core_writer *writer, uint64_t address, uint32_t flags, const void *bytes,
                        size_t size);

/* A note; they keep their order. */
void core_writer_note(struct core_writer *writer, const char *name, uint32_t type, const void *content,
                      size_t size);

/* Gives the file its name. `*size`: of the file, `*memory`: of the memory in it. False: an error is set, and
 * no file is left. Frees the writer in any case. */
bool core_writer_end(struct core_writer *writer, uint64_t *size, uint64_t *memory);

/* Leaves no file. */
void core_writer_abandon(struct core_writer *writer);

#endif
