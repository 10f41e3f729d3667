/* SPDX-License-Identifier: MIT
 *
 * live.h - a live process as a source. Without a stop: what a thread does comes from /proc (watch.h), memory
 * from process_vm_readv, and of the registers only sp and pc are known. With THREADLEAK_PROBE_STOP all
 * registers are (stop.h), until live_resume: a look after it is one without a stop, memory stays readable.
 * With THREADLEAK_PROBE_STOPPED nothing moves, and a look leaves the registers that are known as they are.
 */
#ifndef THREADLEAK_LIVE_H
#define THREADLEAK_LIVE_H

#include "process.h"
#include "source.h"

/* Ends a stop that live_open made; does nothing to any other source. Sets info.stopped_ns. */
void live_resume(struct source *source);

/* Whether the thread, and so its stack, stays as it is until live_resume. */
bool live_is_held(const struct source *source, uint32_t index);

/* NULL: it is no live process. */
const struct process *live_process(const struct source *source);

#endif
