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

/* In a fork child, once or several times: as an atfork handler, or, where none ran (_Fork) or one that ran
 * earlier created threads, before the child's first creation. */
void library_forked(void);

/* Called at each creation: from the first one on it is noted when exit handlers run. Registered then, because
 * handlers run in reverse order: those of objects made before main, and all destructors of libraries, come
 * later. */
void library_watch_exit(void);

/* The same once more, at a later moment: it is noted, and the check begins, the earlier. */
void library_watch_exit_again(void);

/* Called once, before anything else can register an exit handler, as far as that is possible: this is where
 * the process ends, if by exit or quick_exit (start_main.h). */
void library_watch_end(void);

#endif
