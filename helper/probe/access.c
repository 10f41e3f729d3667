/* SPDX-License-Identifier: MIT */
#include "access.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "procfs.h"

#define CAP_SYS_PTRACE_BIT (UINT64_C(1) << 19) /* linux/capability.h */

static int yama_scope(void)
{
    char text[16];
    if (procfs_read_short(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", text, sizeof text) <= 0)
        return 0;
    return text[0] - '0';
}

static bool may_trace_anything(void)
{
    char status[4096];
    if (procfs_read_short(AT_FDCWD, "/proc/self/status", status, sizeof status) <= 0)
        return false;
    const char *field = procfs_field(status, "CapEff");
    unsigned long long effective = 0;
    return field && sscanf(field, "%llx", &effective) == 1 && (effective & CAP_SYS_PTRACE_BIT);
}

static void explain_denial(int pid)
{
    char path[64], status[4096];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    if (procfs_read_short(AT_FDCWD, path, status, sizeof status) <= 0) {
        probe_error("process %d may not be looked at: run it as root", pid);
        return;
    }
    uint64_t owner = procfs_number(status, "Uid", 0);
    int scope = yama_scope();
    if (may_trace_anything())
        probe_error("process %d may not be looked at, although we have CAP_SYS_PTRACE: a seccomp filter, a "
                    "security module or the user namespace that it lives in forbids it",
                    pid);
    else if (!geteuid())
        probe_error("process %d may not be looked at: root lacks the capability CAP_SYS_PTRACE here; start "
                    "the container with --cap-add=SYS_PTRACE",
                    pid);
    else if (owner != geteuid())
        probe_error("process %d belongs to the user with uid %llu: run it as root, or as that user", pid,
                    (unsigned long long)owner);
    else if (scope > 0)
        probe_error("process %d may not be looked at, since kernel.yama.ptrace_scope is %d: run it as root%s",
                    pid, scope, scope < 3 ? ", or set that to 0" : "");
    else
        probe_error("process %d may not be looked at: it has, or had, more rights than we (set-uid, or "
                    "PR_SET_DUMPABLE): run it as root",
                    pid);
}

void access_explain(int pid, int error)
{
    if (error == ENOENT || error == ESRCH) {
        if (kill(pid, 0) && errno == EPERM)
            probe_error("process %d belongs to another user, and /proc hides it: run it as root", pid);
        else
            probe_error("there is no process %d", pid);
    } else if (error == EACCES || error == EPERM) {
        explain_denial(pid);
    } else {
        probe_error("process %d cannot be looked at: %s", pid, strerror(error));
    }
}

int access_is_traced(int pid, int tid)
{
    char path[64], status[4096];
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, tid);
    if (procfs_read_short(AT_FDCWD, path, status, sizeof status) <= 0)
        return 0;
    int tracer = (int)procfs_number(status, "TracerPid", 0);
    if (!tracer)
        return 0;
    char name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", tracer);
    if (procfs_read_short(AT_FDCWD, path, name, sizeof name) > 0)
        name[strcspn(name, "\n")] = 0;
    probe_error(
        "process %d is traced by process %d%s%s%s already: look at it without a stop, or let that one "
        "detach first",
        pid, tracer, *name ? " (" : "", name, *name ? ")" : "");
    return 1;
}
