/* SPDX-License-Identifier: MIT */
#include "std_thread.h"

#ifdef THREADLEAK_WRAP

#include <dlfcn.h>
#include <errno.h>

/* void std::thread::_M_start_thread(std::thread::_State_ptr, void (*)()), since GCC 6: what constructors of
 * std::thread and std::jthread, and std::async, are compiled to (libstdc++-v3/include/bits/std_thread.h). A
 * _State_ptr is handed over by its address, since it has a destructor (Itanium C++ ABI, 3.1.2.3). The
 * Makefile takes the name from here. */
#define START(prefix)                                                                                        \
    prefix##_ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE

EXPORT void START(__wrap_)(void *thread, void *state, void (*depend)(void));
extern void START(__real_)(void *thread, void *state, void (*depend)(void)) EXPORT __attribute__((weak));

static bool is_unseen;

static const void *file_of(void (*function)(void *, void *, void (*)(void)))
{
    Dl_info info;
    return dladdr((const void *)function, &info) ? info.dli_fbase : NULL;
}

void START(__wrap_)(void *thread, void *state, void (*depend)(void))
{
    if (!__atomic_load_n(&is_unseen, __ATOMIC_RELAXED)) {
        int saved = errno;
        if (file_of(START(__real_)) != file_of(START(__wrap_)))
            __atomic_store_n(&is_unseen, true, __ATOMIC_RELAXED);
        errno = saved;
    }
    START(__real_)(thread, state, depend);
}

const char *std_thread_unseen(void)
{
    return __atomic_load_n(&is_unseen, __ATOMIC_RELAXED)
               ? "std::thread creates threads in libstdc++.so, which the archive does not see: link "
                 "libthreadleak.so instead, or libstdc++ statically"
               : NULL;
}

#endif
