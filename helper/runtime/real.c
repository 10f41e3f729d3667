/* SPDX-License-Identifier: MIT */
#include "real.h"

#include <errno.h>
#include <link.h>

/* Weak: a fully static program need not have it. */
extern __typeof__(dlsym) dlsym __attribute__((weak));

void *real_symbol(void *handle, const char *name)
{
    return dlsym ? dlsym(handle, name) : NULL;
}

#ifdef THREADLEAK_WRAP

void real_init(void)
{
}

bool real_is_interposed(void)
{
    return true;
}

#else

void *real_functions[REAL_COUNT];

static int missing(void)
{
    return ENOSYS; /* a libc that lacks the function: bare, the program would not have started */
}

void *real_find(unsigned number)
{
#define REAL_NAME(name) #name,
    static const char *const names[] = {REAL_FUNCTIONS(REAL_NAME)};
    int saved = errno;
    void *function = real_symbol(RTLD_NEXT, names[number]);
    errno = saved;
    if (!function)
        function = (void *)missing;
    __atomic_store_n(&real_functions[number], function, __ATOMIC_RELAXED);
    return function;
}

void real_init(void)
{
    for (unsigned i = 0; i < REAL_COUNT; i++)
        real_function(i);
}

/* The dynamic linker looks symbols up in the order of its list: calls get here if we stand before the library
 * that has the real function. What is loaded by dlopen stands behind it. A sanitizer's own interceptor may
 * stand first: its next is ours. */
bool real_is_interposed(void)
{
    Dl_info info;
    struct link_map *ours = NULL, *real = NULL;
    if (!dladdr1((void *)real_find, &info, (void **)&ours, RTLD_DL_LINKMAP) ||
        !dladdr1((void *)REAL(pthread_create), &info, (void **)&real, RTLD_DL_LINKMAP))
        return false;
    while (ours && ours != real)
        ours = ours->l_next;
    return ours == real;
}

#endif
