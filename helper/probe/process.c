/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "access.h"
#include "error.h"
#include "procfs.h"

static bool is_zombie(const char *status)
{
    const char *state = procfs_field(status, "State");
    return state && (*state == 'Z' || *state == 'X');
}

/* Where main has left by pthread_exit, /proc/PID is that of a zombie: whatever is asked of the process has to
 * be asked of a thread that lives. */
static bool move_to_living_thread(struct process *process)
{
    uint32_t count;
    uint32_t *tids = procfs_threads(process->task, &count);
    char name[32], status[4096];
    bool found = false;
    for (uint32_t i = 0; tids && !found && i < count; i++) {
        snprintf(name, sizeof name, "%u/status", tids[i]);
        if (procfs_read_short(process->task, name, status, sizeof status) <= 0 || is_zombie(status))
            continue;
        snprintf(name, sizeof name, "%u", tids[i]);
        int folder = openat(process->task, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0)
            continue;
        close(process->folder);
        process->folder = folder;
        process->living = tids[i];
        snprintf(process->root, sizeof process->root, "/proc/%d/task/%u/root", process->pid, tids[i]);
        found = true;
    }
    free(tids);
    if (!found)
        probe_error("process %d has ended: only its parent has not asked for its exit status yet",
                    process->pid);
    return found;
}

static bool open_folders(struct process *process)
{
    char name[32], status[4096];
    snprintf(name, sizeof name, "/proc/%d", process->pid);
    process->folder = process->pid > 0 ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (process->folder < 0 || procfs_read_short(process->folder, "status", status, sizeof status) <= 0 ||
        (process->task = openat(process->folder, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        access_explain(process->pid, process->pid > 0 ? errno : ESRCH);
        return false;
    }
    int leader = (int)procfs_number(status, "Tgid", (uint64_t)process->pid);
    if (leader != process->pid) {
        probe_error("%d is a thread of process %d: name that", process->pid, leader);
        return false;
    }
    uint32_t own = procfs_own_id(process->folder, "status", &process->is_elsewhere);
    process->own_pid = own ? own : (uint32_t)process->pid;
    process->living = (uint32_t)process->pid;
    snprintf(process->root, sizeof process->root, "/proc/%d/root", process->pid);
    return !is_zombie(status) || move_to_living_thread(process);
}

static bool read_auxv(struct process *process)
{
    size_t size;
    uint64_t *auxv = (uint64_t *)procfs_read(process->folder, "auxv", &size), header_size = 0;
    if (!auxv) {
        access_explain(process->pid, errno);
        return false;
    }
    for (size_t i = 0; i + 1 < size / sizeof *auxv && auxv[i] != AT_NULL; i += 2) {
        uint64_t value = auxv[i + 1];
        switch (auxv[i]) {
        case AT_PHENT:
            header_size = value;
            break;
        case AT_PHDR:
            process->headers = value;
            break;
        case AT_PHNUM:
            process->header_count = value;
            break;
        case AT_SYSINFO_EHDR:
            process->vdso = value;
            break;
        case AT_BASE:
            process->linker = value;
            break;
        }
    }
    bool is_empty = size >= sizeof *auxv && auxv[0] == AT_NULL;
    free(auxv);
    if (is_empty)
        probe_error("process %d is just starting its program (execve): look again", process->pid);
    else if (!size)
        probe_error("process %d has no memory: it is a kernel thread, or it has just ended", process->pid);
    else if (header_size != sizeof(Elf64_Phdr))
        probe_error("process %d is not a 64-bit program", process->pid);
    return size && header_size == sizeof(Elf64_Phdr);
}

bool process_open(struct process *process, int pid)
{
    *process = (struct process){.pid = pid, .folder = -1, .task = -1};
    return open_folders(process) && read_auxv(process);
}

void process_close(struct process *process)
{
    if (process->folder >= 0)
        close(process->folder);
    if (process->task >= 0)
        close(process->task);
    process->folder = process->task = -1;
}
