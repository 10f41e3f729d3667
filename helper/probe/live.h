/* SPDX-License-Identifier: MIT
 *
 * live.h - a live process as a source: without a stop (live.c), or with one (stop.c).
 */
#ifndef THREADLEAK_LIVE_H
#define THREADLEAK_LIVE_H

#include "source.h"

/* Ends a stop that live_open made; does nothing to any other source. Sets info.stopped_ns. */
void live_resume(struct source *source);

#endif
