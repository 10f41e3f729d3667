/* SPDX-License-Identifier: MIT
 *
 * real.h - the functions of libc that the library stands before, and how to reach them.
 *
 * In the shared library our wrappers carry libc's names and find the real functions with dlsym(RTLD_NEXT):
 * all of them at start-up, since dlsym takes the loader's lock, clears a pending dlerror and needs a kilobyte
 * of stack; one by one before that, since constructors of other libraries create threads before ours runs. In
 * the archive they are __wrap_NAME and call __real_NAME, for the linker's option --wrap=NAME
 * (docs/embedding.md).
 */
#ifndef THREADLEAK_REAL_H
#define THREADLEAK_REAL_H

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <threads.h>
#include <unistd.h>

/* Of glibc alone, and in no header of it (csu/libc-start.c). */
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

/* Every function that is interposed. The Makefile makes the lists for the linker from this one. */
#define REAL_FUNCTIONS(X)                                                                                    \
    X(pthread_create)                                                                                        \
    X(pthread_join)                                                                                          \
    X(pthread_tryjoin_np)                                                                                    \
    X(pthread_timedjoin_np)                                                                                  \
    X(pthread_clockjoin_np)                                                                                  \
    X(pthread_detach)                                                                                        \
    X(pthread_exit)                                                                                          \
    X(pthread_setname_np)                                                                                    \
    X(pthread_setattr_default_np)                                                                            \
    X(prctl)                                                                                                 \
    X(thrd_create)                                                                                           \
    X(thrd_join)                                                                                             \
    X(thrd_detach)                                                                                           \
    X(thrd_exit)                                                                                             \
    X(exit)                                                                                                  \
    X(quick_exit)                                                                                            \
    X(_exit)                                                                                                 \
    X(_Exit)                                                                                                 \
    X(__libc_start_main)                                                                                     \
    X(dlclose)

#define EXPORT __attribute__((visibility("default")))

#ifdef THREADLEAK_WRAP

#define WRAPPER(name) __wrap_##name
#define WRAPPER_SYMBOL(name) "__wrap_" name
#define REAL(name) __real_##name
#define REAL_DECLARE(name)                                                                                   \
    extern __typeof__(name) __real_##name EXPORT;                                                            \
    extern __typeof__(name) __wrap_##name;
REAL_FUNCTIONS(REAL_DECLARE)

#else

#define WRAPPER(name) name
#define WRAPPER_SYMBOL(name) name
#define REAL(name) ((__typeof__(name) *)real_function(REAL_##name))
#define REAL_NUMBER(name) REAL_##name,
enum { REAL_FUNCTIONS(REAL_NUMBER) REAL_COUNT };

extern void *real_functions[REAL_COUNT];
void *real_find(unsigned number);

static inline void *real_function(unsigned number)
{
    void *function = __atomic_load_n(&real_functions[number], __ATOMIC_RELAXED);
    return __builtin_expect(function != 0, 1) ? function : real_find(number);
}

#endif

/* Finds all of them. */
void real_init(void);

/* Whether calls of the program get to our wrappers: not where the library was loaded late, by dlopen. */
bool real_is_interposed(void);

/* dlsym, or NULL in a fully static program. `handle`: RTLD_DEFAULT or RTLD_NEXT. */
void *real_symbol(void *handle, const char *name);

/* A function of the copy of the library that keeps the registry, where this copy is the passive one of two
 * and the program's calls come to it all the same. */
static inline void *active_copy(const char *name)
{
    return real_symbol(RTLD_NEXT, name);
}

#endif
