/* SPDX-License-Identifier: MIT
 *
 * threadleak.h - what a program can tell the library about its threads. C99 and C++11, since 0.1.0.
 *
 * Including this header costs nothing where the library is absent: every function is a weak reference, and
 * the inline functions below do nothing, or say "not there", when it is not loaded. So an annotated program
 * links and runs without the library; nothing has to be compiled twice.
 */
#ifndef THREADLEAK_H
#define THREADLEAK_H

#include <stdint.h>

#define THREADLEAK_VERSION "0.2.0"

#ifdef __cplusplus
extern "C" {
#endif

/* A scope: a named stretch of work (a test, a request). 0 is no scope. A value of its own type: plain data,
 * to be copied and passed between threads at will; it stays harmless after its scope has ended. */
typedef uint64_t threadleak_scope_t;

/* The library's own functions; call them through the functions below, which check that it is there. */
extern threadleak_scope_t threadleak_scope_begin_(const char *name) __attribute__((weak));
extern void threadleak_scope_end_(threadleak_scope_t scope) __attribute__((weak));

/* Begins a scope on the calling thread, inside the one that it is in already. Every thread that this thread
 * creates from now on belongs to it, and so do the threads that those create, however late.
 * `name` is copied, up to 71 bytes of it; NULL is an empty name.
 * Returns 0 where the library is not loaded or has no room (counted; `threadleak info` shows it).
 * Thread-safe; no locks, no malloc. Not async-signal-safe only in that the calling thread's scope changes. */
static inline threadleak_scope_t threadleak_scope_begin(const char *name)
{
    return threadleak_scope_begin_ ? threadleak_scope_begin_(name) : 0;
}

/* Ends `scope`, on whichever thread; a thread that belongs to it and is alive from now on has outlived it.
 * On the thread that began it, the enclosing scope is current again; inner scopes that were left open there
 * are left as well, but not ended. Ending twice, or ending 0, does nothing. */
static inline void threadleak_scope_end(threadleak_scope_t scope)
{
    if (threadleak_scope_end_)
        threadleak_scope_end_(scope);
}

#ifdef __cplusplus
}
#endif

#endif
