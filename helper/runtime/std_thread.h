/* SPDX-License-Identifier: MIT
 *
 * std_thread.h - whether std::thread goes past the archive. Its calls of libc lie in libstdc++: where that is
 * a shared library, they are not led to our wrappers, and what it creates is in no record.
 */
#ifndef THREADLEAK_STD_THREAD_H
#define THREADLEAK_STD_THREAD_H

#include "real.h"

#ifdef THREADLEAK_WRAP

/* Why threads were created that we did not see, or NULL. Any thread may ask, in signal handlers too. */
const char *std_thread_unseen(void);

#else

static inline const char *std_thread_unseen(void)
{
    return NULL;
}

#endif
#endif
