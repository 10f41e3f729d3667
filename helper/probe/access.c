/* SPDX-License-Identifier: MIT */
#include "access.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "procfs.h"

#define CAP_SYS_PTRACE_BIT (UINT64_C(1) << 19) /* linux/capability.h */

/* Of a process, as its status and the owner of that file tell. */
struct rights {
    unsigned user[3], group[3]; /* real, effective, saved */
    unsigned long long permitted, effective;
    bool is_dumpable; /* else root owns its files (fs/proc/base.c: task_dump_owner) */
};

static bool read_rights(const char *folder, struct rights *rights)
{
    char path[64];
    size_t size; /* many groups make it large */
    struct stat file;
    snprintf(path, sizeof path, "%s/status", folder);
    char *status = procfs_read(AT_FDCWD, path, &size);
    if (!status)
        return false;
    const struct {
        const char *name, *format;
        void *to[3];
        int count;
    } fields[] = {{"Uid", "%u %u %u", {&rights->user[0], &rights->user[1], &rights->user[2]}, 3},
                  {"Gid", "%u %u %u", {&rights->group[0], &rights->group[1], &rights->group[2]}, 3},
                  {"CapPrm", "%llx", {&rights->permitted}, 1},
                  {"CapEff", "%llx", {&rights->effective}, 1}};
    bool has_all = !stat(path, &file);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *at = procfs_field(status, fields[i].name);
        void *const *to = fields[i].to;
        has_all = has_all && at && sscanf(at, fields[i].format, to[0], to[1], to[2]) == fields[i].count;
    }
    free(status);
    rights->is_dumpable = has_all && (file.st_uid == rights->user[1] || !rights->user[1]);
    return has_all;
}

static int yama_scope(void)
{
    char text[16];
    if (procfs_read_short(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", text, sizeof text) <= 0)
        return 0;
    return text[0] - '0';
}

/* What gives us the right to look at whatever it is. */
static const char *remedy(void)
{
    return geteuid() ? "run threadleak as root"
                     : "give it the capability CAP_SYS_PTRACE, which root lacks here (start the container "
                       "with --cap-add=SYS_PTRACE)";
}

static bool are_all(const unsigned ids[3], unsigned id)
{
    return ids[0] == id && ids[1] == id && ids[2] == id;
}

static void explain_user(int pid, const struct rights *target)
{
    unsigned we = geteuid(), other = target->user[0];
    for (int i = 1; i < 3 && other == we; i++)
        other = target->user[i];
    if (target->user[0] == we)
        probe_error("process %d has the rights of the user with uid %u too, since its program is set-uid or "
                    "it has changed its user: %s",
                    pid, other, remedy());
    else
        probe_error("process %d belongs to the user with uid %u: %s%s", pid, other,
                    are_all(target->user, other) && target->is_dumpable ? "look at it as that user, or " : "",
                    remedy());
}

static void explain_yama(int pid, int scope)
{
    if (scope < 3)
        probe_error("process %d may not be looked at, since kernel.yama.ptrace_scope is %d: %s, or set that "
                    "to 0",
                    pid, scope, remedy());
    else
        probe_error("process %d may not be looked at, since kernel.yama.ptrace_scope is %d, which forbids it "
                    "to everybody until the system is started again with a lower one",
                    pid, scope);
}

/* In the order in which the kernel asks (kernel/ptrace.c: __ptrace_may_access, then security/commoncap.c and
 * security/yama). */
static void explain_denial(int pid)
{
    char folder[32];
    struct rights we, target;
    int scope = yama_scope();
    snprintf(folder, sizeof folder, "/proc/%d", pid);
    if (!read_rights("/proc/self", &we) || !read_rights(folder, &target))
        probe_error("process %d may not be looked at, and /proc does not tell why", pid);
    else if (we.effective & CAP_SYS_PTRACE_BIT && scope < 3)
        probe_error("process %d may not be looked at, although we have CAP_SYS_PTRACE: a seccomp filter, a "
                    "security module or the user namespace that it lives in forbids it",
                    pid);
    else if (we.effective & CAP_SYS_PTRACE_BIT)
        explain_yama(pid, scope);
    else if (!are_all(target.user, geteuid()))
        explain_user(pid, &target);
    else if (!are_all(target.group, getegid()))
        probe_error("process %d does not have our group (gid %u) alone, but gids %u, %u and %u: %s", pid,
                    getegid(), target.group[0], target.group[1], target.group[2], remedy());
    else if (!target.is_dumpable)
        probe_error("process %d is not dumpable, since it has changed its user or group, runs a program that "
                    "is set-uid or may not be read, or has said so: let it call prctl(PR_SET_DUMPABLE, 1), "
                    "or %s",
                    pid, remedy());
    else if (target.permitted & ~we.permitted)
        probe_error("process %d has capabilities that we lack (%#llx): %s", pid,
                    target.permitted & ~we.permitted, remedy());
    else if (scope > 0)
        explain_yama(pid, scope);
    else
        probe_error("process %d may not be looked at: a seccomp filter, a security module, or that it is not "
                    "dumpable (prctl(PR_SET_DUMPABLE)) forbids it",
                    pid);
}

static bool is_hidden(int pid)
{
    char folder[32];
    snprintf(folder, sizeof folder, "/proc/%d", pid);
    return pid > 0 && (!kill(pid, 0) || errno == EPERM) && access(folder, F_OK);
}

void access_explain(int pid, int error)
{
    if (error == ENOENT || error == ESRCH) {
        if (is_hidden(pid))
            probe_error("there is a process %d, but /proc is mounted with hidepid, which hides it from us: "
                        "%s",
                        pid, remedy());
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
