/* SPDX-License-Identifier: MIT
 *
 * What decides how many more threads the process could have created: target/thread_limits.py says how.
 */
#include "sidecar.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procfs.h"

static void add_count_of_maps(struct sidecar *sidecar, int folder)
{
    int file = openat(folder, "maps", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    static char text[1 << 16];
    long long lines = 0;
    ssize_t got;
    while ((got = read(file, text, sizeof(text))) > 0)
        for (const char *at = text; (at = memchr(at, '\n', (size_t)(text + got - at))); at++)
            lines++;
    close(file);
    if (!got && lines)
        sidecar_add_number(sidecar, "self/maps.count", lines);
}

/* Of the version 2 hierarchy. The kernel writes the path, from / on. */
static void add_cgroup(struct sidecar *sidecar, int folder)
{
    char text[4096], path[PATH_MAX];
    if (procfs_read_short(folder, "cgroup", text, sizeof(text)) < 0)
        return;
    const char *line = strstr(text, "0::/");
    if (!line || (line != text && line[-1] != '\n'))
        return;
    int length = (int)strcspn(line + 3, "\n");
    if (length > 3000 || memmem(line + 3, (size_t)length, "/..", 3))
        return;
    static const char *const NAMES[] = {"pids.max", "pids.current", "memory.max", "memory.current"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
        char name[64];
        snprintf(path, sizeof(path), "/sys/fs/cgroup%.*s/%s", length, line + 3, NAMES[i]);
        sprintf(name, "cgroup/%s", NAMES[i]);
        sidecar_add_file(sidecar, name, AT_FDCWD, path);
    }
}

void sidecar_add_limits(struct sidecar *sidecar, int folder)
{
    static const char *const FILES[] = {"sys/vm/max_map_count",
                                        "sys/vm/overcommit_memory",
                                        "sys/kernel/pid_max",
                                        "sys/kernel/threads-max",
                                        "loadavg",
                                        "meminfo"};
    char path[64];
    for (size_t i = 0; i < sizeof(FILES) / sizeof(*FILES); i++) {
        sprintf(path, "/proc/%s", FILES[i]);
        sidecar_add_file(sidecar, FILES[i], AT_FDCWD, path);
    }
    add_cgroup(sidecar, folder);
    add_count_of_maps(sidecar, folder);
}
