/* SPDX-License-Identifier: MIT */
#include "ptracer.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "system_call.h"

#define SCOPE_FILE "/proc/sys/kernel/yama/ptrace_scope"

static unsigned long program_says; /* 0: nobody */
static bool is_changed;

bool ptracer_is_restricted(const char *path)
{
    char scope = 0;
    long fd = system_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    system_call(SYS_read, fd, &scope, 1);
    system_call(SYS_close, fd);
    return scope == '1'; /* 0 restricts nothing, and 2 and 3 make no exception for anybody that is declared */
}

void ptracer_allow(long pid)
{
    is_changed = ptracer_is_restricted(SCOPE_FILE);
    if (is_changed)
        system_call(SYS_prctl, PR_SET_PTRACER, pid);
}

void ptracer_restore(void)
{
    if (is_changed)
        system_call(SYS_prctl, PR_SET_PTRACER, __atomic_load_n(&program_says, __ATOMIC_RELAXED));
    is_changed = false;
}

void ptracer_said(unsigned long value)
{
    __atomic_store_n(&program_says, value, __ATOMIC_RELAXED);
}
