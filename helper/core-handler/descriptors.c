/* SPDX-License-Identifier: MIT
 *
 * Open files: what /proc/PID/fd and fdinfo say, and between whom the sockets among them are.
 */
#include "sidecar.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procfs.h"

struct sockets {
    unsigned long inodes[SIDECAR_FDS_MAX];
    size_t count;
};

static void add_descriptor(struct sidecar *sidecar, int folder, const char *fd, struct sockets *sockets)
{
    char path[300], name[300], target[PATH_MAX];
    snprintf(path, sizeof(path), "fd/%s", fd);
    ssize_t length = readlinkat(folder, path, target, sizeof(target) - 1);
    if (length < 0)
        return;
    target[length] = 0;
    snprintf(name, sizeof(name), "self/fd/%s", fd);
    sidecar_add(sidecar, name, target, (size_t)length);
    if (!strncmp(target, "socket:[", 8))
        sockets->inodes[sockets->count++] = strtoul(target + 8, NULL, 10);
    snprintf(path, sizeof(path), "fdinfo/%s", fd);
    snprintf(name, sizeof(name), "self/fdinfo/%s", fd);
    sidecar_add_file(sidecar, name, folder, path);
}

static int by_number(const void *a, const void *b)
{
    unsigned long first = *(const unsigned long *)a, second = *(const unsigned long *)b;
    return (first > second) - (first < second);
}

/* Word `column` of the line, from 0 on, as a number; 0: there is none. */
static unsigned long number_in(const char *line, int column)
{
    while (*line == ' ')
        line++;
    for (; column > 0 && *line; column--) {
        line += strcspn(line, " ");
        line += strspn(line, " ");
    }
    return strtoul(line, NULL, 10);
}

/* Keeps the lines of `text` whose socket is in `sockets`, in place. Their length. */
static size_t own_lines(char *text, int column, const struct sockets *sockets)
{
    char *to = text;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        unsigned long inode = number_in(line, column);
        if (inode && bsearch(&inode, sockets->inodes, sockets->count, sizeof(inode), by_number)) {
            *end = '\n';
            memmove(to, line, (size_t)(end + 1 - line));
            to += end + 1 - line;
        }
    }
    return (size_t)(to - text);
}

/* The table is that of the network namespace, which may have sockets by the hundred thousand. */
static void add_table(struct sidecar *sidecar, int folder, const char *table, int column,
                      const struct sockets *sockets)
{
    char path[64], name[64];
    sprintf(path, "net/%s", table);
    sprintf(name, "self/net/%s", table);
    int file = openat(folder, path, O_RDONLY | O_CLOEXEC);
    char *text = file < 0 ? NULL : malloc(SIDECAR_NET_MAX);
    size_t used = 0;
    ssize_t got = 0;
    while (text && used < SIDECAR_NET_MAX - 1 &&
           (got = read(file, text + used, SIDECAR_NET_MAX - 1 - used)) > 0)
        used += (size_t)got;
    if (text) {
        text[used] = 0;
        used = own_lines(text, column, sockets);
        if (used)
            sidecar_add(sidecar, name, text, used);
    }
    free(text);
    if (file >= 0)
        close(file);
}

void sidecar_add_descriptors(struct sidecar *sidecar, int folder)
{
    static struct sockets sockets;
    int fds = openat(folder, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fds < 0 ? NULL : fdopendir(fds);
    if (!list)
        return;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(list));)
        if (entry->d_name[0] != '.' && count++ < SIDECAR_FDS_MAX)
            add_descriptor(sidecar, folder, entry->d_name, &sockets);
    closedir(list);
    if (count > SIDECAR_FDS_MAX)
        sidecar_add_number(sidecar, "self/fd.count", count);
    if (!sockets.count)
        return;
    qsort(sockets.inodes, sockets.count, sizeof(*sockets.inodes), by_number);
    static const char *const TABLES[] = {"tcp", "tcp6", "udp", "udp6"};
    for (size_t i = 0; i < sizeof(TABLES) / sizeof(*TABLES); i++)
        add_table(sidecar, folder, TABLES[i], 9, &sockets);
    add_table(sidecar, folder, "unix", 6, &sockets);
}
