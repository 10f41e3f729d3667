/* SPDX-License-Identifier: MIT
 *
 * held.h - the end of a check whose report was held back (struct verify_request, holds): threads that are
 * gone by now did not leak, and the report on the others is printed.
 *
 * It waits for no thread: destructors have run, and what the threads that are left use may be gone. Those
 * that are about to end have had their time before (ending.h).
 */
#ifndef THREADLEAK_HELD_H
#define THREADLEAK_HELD_H

#include "verify.h"

/* `request`: the one that holds; of records before `end`. The number of threads that leaked, after all; or
 * THREADLEAK_CANNOT_TELL, and nothing is printed: the engine is gone. */
int held_report(const struct verify_request *request, uint64_t end);

/* Nothing is to be printed. Without a report that is held, nothing happens. */
void held_drop(void);

#endif
