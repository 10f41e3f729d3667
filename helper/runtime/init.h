/* SPDX-License-Identifier: MIT
 *
 * init.h - when the library comes to life, and what happens to it at fork and exit.
 */
#ifndef THREADLEAK_INIT_H
#define THREADLEAK_INIT_H

#include <stdbool.h>

/* Whether this copy of the library keeps the registry. Initializes it on the first call: threads can be
 * created by constructors that run before ours. */
bool library_ready(void);

/* Called in a fork child that no atfork handler has told (_Fork). */
void library_forked(void);

#endif
