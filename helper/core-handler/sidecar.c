/* SPDX-License-Identifier: MIT */
#include "sidecar.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "procfs.h"

static const char MAGIC[] = "threadleak-sidecar/1\n";
enum { TAIL = 256 }; /* bytes that are kept for the last records */

static long long now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static bool make_room(struct sidecar *sidecar, size_t size)
{
    if (sidecar->size + size <= sidecar->room)
        return true;
    size_t room = sidecar->room ? sidecar->room : 1 << 18;
    while (room < sidecar->size + size)
        room *= 2;
    char *data = realloc(sidecar->data, room);
    if (!data)
        return false;
    sidecar->data = data;
    sidecar->room = room;
    return true;
}

static void append(struct sidecar *sidecar, const void *data, size_t size)
{
    memcpy(sidecar->data + sidecar->size, data, size);
    sidecar->size += size;
}

static bool add(struct sidecar *sidecar, const char *name, const void *data, size_t size)
{
    char head[PATH_MAX];
    int length = snprintf(head, sizeof(head), "%s %zu\n", name, size);
    if (length < 0 || (size_t)length >= sizeof(head) || !make_room(sidecar, (size_t)length + size + 1))
        return false;
    append(sidecar, head, (size_t)length);
    append(sidecar, data, size);
    append(sidecar, "\n", 1);
    return true;
}

static void cut(struct sidecar *sidecar, const char *why)
{
    sidecar->is_cut = true;
    add(sidecar, "cut", why, strlen(why));
}

bool sidecar_add(struct sidecar *sidecar, const char *name, const void *data, size_t size)
{
    if (sidecar->is_cut)
        return false;
    if (sidecar->size + strlen(name) + size + 2 * TAIL > SIDECAR_MAX)
        cut(sidecar, "it would be larger than 16 MiB");
    else if (now_ns(CLOCK_MONOTONIC) > sidecar->deadline_ns)
        cut(sidecar, "it took longer than a second");
    else if (!add(sidecar, name, data, size))
        cut(sidecar, "there was no memory for more");
    return !sidecar->is_cut;
}

void sidecar_add_file(struct sidecar *sidecar, const char *name, int at, const char *path)
{
    char few[4096];
    ssize_t length = procfs_read_short(at, path, few, sizeof(few));
    if (length < 0)
        return;
    if ((size_t)length <
        sizeof(few) / 2) { /* the kernel gives whole lines: less than asked for is not yet all */
        sidecar_add(sidecar, name, few, (size_t)length);
        return;
    }
    size_t size;
    char *all = procfs_read(at, path, &size);
    if (all)
        sidecar_add(sidecar, name, all, size);
    free(all);
}

static void add_link(struct sidecar *sidecar, const char *name, int at, const char *path)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(at, path, target, sizeof(target));
    if (length >= 0)
        sidecar_add(sidecar, name, target, (size_t)length);
}

void sidecar_add_number(struct sidecar *sidecar, const char *name, long long value)
{
    char digits[32];
    sidecar_add(sidecar, name, digits, (size_t)sprintf(digits, "%lld", value));
}

/* Of a process in a PID namespace of its own a core has its threads' numbers there. */
static void add_own_id(struct sidecar *sidecar, int task, uint32_t tid)
{
    char path[64], name[64], text[4096];
    sprintf(path, "%u/status", tid);
    sprintf(name, "self/task/%u/status", tid);
    if (procfs_read_short(task, path, text, sizeof(text)) < 0)
        return;
    const char *ids = procfs_field(text, "NSpid");
    char line[512];
    int length = ids ? snprintf(line, sizeof(line), "NSpid:\t%.*s\n", (int)strcspn(ids, "\n"), ids) : 0;
    if (length > 0 && (size_t)length < sizeof(line))
        sidecar_add(sidecar, name, line, (size_t)length);
}

static bool is_in_other_namespace(int folder)
{
    char text[4096];
    if (procfs_read_short(folder, "status", text, sizeof(text)) < 0)
        return false;
    const char *ids = procfs_field(text, "NSpid");
    return ids && memchr(ids, '\t', strcspn(ids, "\n"));
}

static bool add_threads(struct sidecar *sidecar, int folder)
{
    int task = openat(folder, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint32_t count = 0;
    uint32_t *tids = task < 0 ? NULL : procfs_threads(task, &count);
    bool is_other = is_in_other_namespace(folder);
    for (uint32_t i = 0; i < count; i++) {
        char path[64], name[64], comm[64];
        sprintf(path, "%u/comm", tids[i]);
        sprintf(name, "self/task/%u/comm", tids[i]);
        ssize_t length = procfs_read_short(task, path, comm, sizeof(comm));
        if (length > 0 && !sidecar_add(sidecar, name, comm, (size_t)length - 1))
            break;
        if (is_other)
            add_own_id(sidecar, task, tids[i]);
    }
    free(tids);
    if (task >= 0)
        close(task);
    return count > 0;
}

bool sidecar_collect(struct sidecar *sidecar, int folder)
{
    static const char *const FILES[] = {"auxv", "stat", "status", "limits", "cgroup", "cmdline"};
    static const char *const LINKS[] = {"exe", "cwd", "root", "ns/pid", "ns/net", "ns/mnt", "ns/time"};
    sidecar->deadline_ns = now_ns(CLOCK_MONOTONIC) + SIDECAR_MS_MAX * 1000000LL;
    if (!make_room(sidecar, sizeof(MAGIC)))
        return false;
    append(sidecar, MAGIC, strlen(MAGIC));
    sidecar_add_number(sidecar, "time_ns", now_ns(CLOCK_REALTIME));
    struct utsname system;
    if (!uname(&system))
        sidecar_add(sidecar, "host", system.nodename, strlen(system.nodename));
    sidecar_add_file(sidecar, "sys/kernel/random/boot_id", AT_FDCWD, "/proc/sys/kernel/random/boot_id");
    char name[64];
    for (size_t i = 0; i < sizeof(FILES) / sizeof(*FILES); i++) {
        sprintf(name, "self/%s", FILES[i]);
        sidecar_add_file(sidecar, name, folder, FILES[i]);
    }
    for (size_t i = 0; i < sizeof(LINKS) / sizeof(*LINKS); i++) {
        sprintf(name, "self/%s", LINKS[i]);
        add_link(sidecar, name, folder, LINKS[i]);
    }
    errno = ESRCH;
    if (!add_threads(sidecar, folder))
        return false;
    sidecar_add_descriptors(sidecar, folder);
    sidecar_add_limits(sidecar, folder);
    return add(sidecar, "end", "", 0);
}
