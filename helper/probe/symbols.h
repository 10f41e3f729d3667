/* SPDX-License-Identifier: MIT
 *
 * symbols.h - functions, inlined functions, files and lines by pc, cached; data symbols.
 */
#ifndef THREADLEAK_SYMBOLS_H
#define THREADLEAK_SYMBOLS_H

#include "probe.h"

void symbols_free(struct symbols *symbols); /* NULL is allowed */

#endif
