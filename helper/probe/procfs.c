/* SPDX-License-Identifier: MIT */
#include "procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *procfs_read(int at, const char *name, size_t *size)
{
    int file = openat(at, name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return NULL;
    size_t room = 1 << 16, used = 0;
    char *text = malloc(room);
    while (text) {
        ssize_t got = read(file, text + used, room - used - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            if (!got)
                break;
            int error = errno;
            free(text);
            close(file);
            errno = error;
            return NULL;
        }
        used += (size_t)got;
        if (room - used < 1 << 14) {
            char *larger = realloc(text, room *= 2);
            if (!larger)
                free(text);
            text = larger;
        }
    }
    close(file);
    if (!text) {
        errno = ENOMEM;
        return NULL;
    }
    text[used] = 0;
    *size = used;
    return text;
}

ssize_t procfs_read_again(int file, char *buffer, size_t size)
{
    ssize_t got;
    do
        got = pread(file, buffer, size - 1, 0);
    while (got < 0 && errno == EINTR);
    if (got >= 0)
        buffer[got] = 0;
    return got;
}

ssize_t procfs_read_short(int at, const char *name, char *buffer, size_t size)
{
    int file = openat(at, name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    ssize_t got = procfs_read_again(file, buffer, size);
    int error = errno;
    close(file);
    errno = error;
    return got;
}

const char *procfs_field(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n')
            line++;
        if (!strncmp(line, name, length) && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " \t");
    }
    return NULL;
}

uint64_t procfs_number(const char *text, const char *name, uint64_t otherwise)
{
    const char *field = procfs_field(text, name);
    return field ? strtoull(field, NULL, 10) : otherwise;
}

uint32_t procfs_own_id(int at, const char *status_file, bool *is_other)
{
    size_t size; /* which many groups make large, and they come first */
    char *status = procfs_read(at, status_file, &size);
    /* one number a namespace, from that of /proc inwards (since Linux 4.1) */
    const char *field = status ? procfs_field(status, "NSpid") : NULL;
    uint32_t id = 0, levels = 0;
    while (field && *field >= '0' && *field <= '9') {
        char *end;
        id = (uint32_t)strtoul(field, &end, 10);
        levels++;
        field = end + strspn(end, "\t ");
    }
    free(status);
    *is_other = levels > 1;
    return id;
}

uint32_t *procfs_threads(int task, uint32_t *count)
{
    int copy = openat(task, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = copy < 0 ? NULL : fdopendir(copy);
    if (!folder) {
        if (copy >= 0)
            close(copy);
        return NULL;
    }
    size_t room = 64;
    uint32_t *ids = malloc(room * sizeof *ids);
    *count = 0;
    for (struct dirent *entry; ids && (entry = readdir(folder));) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        if (*count == room) {
            uint32_t *larger = realloc(ids, (room *= 2) * sizeof *ids);
            if (!larger)
                free(ids);
            ids = larger;
        }
        if (ids)
            ids[(*count)++] = (uint32_t)strtoul(entry->d_name, NULL, 10);
    }
    closedir(folder);
    if (!ids)
        errno = ENOMEM;
    return ids;
}

/* The kernel writes a newline in a path as \012 (fs/proc/task_mmu.c), and nothing else so. */
static void tidy_name(char *name)
{
    static const char deleted[] = " (deleted)";
    size_t length = strlen(name);
    if (length >= sizeof deleted && !strcmp(name + length - (sizeof deleted - 1), deleted))
        name[length - (sizeof deleted - 1)] = 0;
    for (char *place; (place = strstr(name, "\\012")); name = place + 1) {
        *place = '\n';
        memmove(place + 1, place + 4, strlen(place + 4) + 1);
    }
}

/* START-END PERM OFFSET MAJOR:MINOR INODE [NAME] */
static bool parse_region(char *line, struct region *region)
{
    char *at;
    region->start = strtoull(line, &at, 16);
    if (*at != '-')
        return false;
    region->end = strtoull(at + 1, &at, 16);
    if (*at != ' ' || strlen(at) < 6 || region->end <= region->start)
        return false;
    region->readable = at[1] == 'r';
    region->writable = at[2] == 'w';
    region->executable = at[3] == 'x';
    region->is_private = at[4] == 'p';
    region->offset = strtoull(at + 5, &at, 16);
    for (int fields = 0; fields < 2; fields++) {
        at += strspn(at, " ");
        at += strcspn(at, " ");
    }
    at += strspn(at, " ");
    tidy_name(at);
    region->name = at;
    return true;
}

bool procfs_regions(int at, struct regions *regions)
{
    size_t size;
    regions->list = NULL;
    regions->count = 0;
    regions->text = procfs_read(at, "maps", &size);
    if (!regions->text)
        return false;
    size_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += regions->text[i] == '\n';
    regions->list = malloc(lines * sizeof *regions->list);
    if (!regions->list) {
        procfs_regions_free(regions);
        errno = ENOMEM;
        return false;
    }
    uint64_t end = 0;
    for (char *line = regions->text, *next; *line; line = next) {
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = 0;
        /* the process may change them while we read: one that overlaps is what was moved meanwhile */
        struct region *region = &regions->list[regions->count];
        if (parse_region(line, region) && region->start >= end) {
            end = region->end;
            regions->count++;
        }
    }
    return true;
}

void procfs_regions_free(struct regions *regions)
{
    free(regions->list);
    free(regions->text);
    memset(regions, 0, sizeof *regions);
}

const struct region *procfs_region_from(const struct regions *regions, uint64_t address)
{
    size_t low = 0, high = regions->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (regions->list[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < regions->count ? &regions->list[low] : NULL;
}

const struct region *procfs_region_at(const struct regions *regions, uint64_t address)
{
    const struct region *region = procfs_region_from(regions, address);
    return region && region->start <= address ? region : NULL;
}

bool procfs_is_anonymous(const struct region *region)
{
    return region->is_private && region->name[0] != '/' && strncmp(region->name, "[v", 2);
}
