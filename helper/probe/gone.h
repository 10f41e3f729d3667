/* SPDX-License-Identifier: MIT
 *
 * gone.h - a source that is nothing but the path of a file that another source had mapped once: a library
 * after dlclose. It has no memory and no threads; names come from the file.
 */
#ifndef THREADLEAK_GONE_H
#define THREADLEAK_GONE_H

#include "source.h"

/* NULL with an error set. It does not need `of` any more. */
struct source *gone_open(const struct source *of, const char *path);
const char *gone_path(const struct source *source);

#endif
