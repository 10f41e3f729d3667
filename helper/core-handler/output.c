/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "procfs.h"

enum { PAGE = 4096, BLOCK = 1 << 18 };

static void tidy(char *name)
{
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && *name != '-')
            *name = '_';
}

struct process output_process(int pid)
{
    struct process process = {.pid = pid, .folder = -1, .name = "unknown"};
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d", pid);
    process.folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;
    if (process.folder < 0 || fstat(process.folder, &status))
        return process;
    process.uid = status.st_uid;
    process.gid = status.st_gid;
    char comm[64];
    if (procfs_read_short(process.folder, "comm", comm, sizeof(comm)) > 0) {
        comm[strcspn(comm, "\n")] = 0;
        snprintf(process.name, sizeof(process.name), "%.15s", *comm ? comm : "unknown");
        tidy(process.name);
    }
    return process;
}

static void expand(char letter, const struct process *process, char *word, size_t size)
{
    struct utsname system;
    switch (letter) {
    case 'p':
        snprintf(word, size, "%d", process->pid);
        break;
    case 'e':
        snprintf(word, size, "%s", process->name);
        break;
    case 't':
        snprintf(word, size, "%lld", (long long)time(NULL));
        break;
    case 'u':
        snprintf(word, size, "%u", process->uid);
        break;
    case 'h':
        snprintf(word, size, "%s", uname(&system) ? "unknown" : system.nodename);
        tidy(word);
        break;
    default:
        snprintf(word, size, "%c", letter);
    }
}

bool output_path(const char *pattern, const struct process *process, char path[PATH_MAX])
{
    size_t size = 0;
    if (*pattern != '/')
        return false;
    for (; *pattern; pattern++) {
        char word[128] = {*pattern};
        if (*pattern == '%' && pattern[1])
            expand(*++pattern, process, word, sizeof(word));
        size_t length = strlen(word);
        if (size + length > PATH_MAX - 32) /* ".99.threadleak" comes behind it */
            return false;
        memcpy(path + size, word, length);
        size += length;
    }
    path[size] = 0;
    return path[size - 1] != '/';
}

static int create(const char *path, const struct process *process)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return -1;
    if (!geteuid() && fchown(file, process->uid, process->gid)) { /* root's then */
        int error = errno;
        output_complain("%s stays root's: %s", path, strerror(error));
    }
    return file;
}

int output_create(char path[PATH_MAX], const struct process *process, bool numbered)
{
    int file = create(path, process);
    size_t length = strlen(path);
    for (int number = 1; numbered && file < 0 && errno == EEXIST && number < 100; number++) {
        snprintf(path + length, PATH_MAX - length, ".%d", number);
        file = create(path, process);
    }
    return file;
}

unsigned long long output_limit(const struct process *process)
{
    char text[4096];
    static const char NAME[] = "Max core file size";
    if (process->folder < 0 || procfs_read_short(process->folder, "limits", text, sizeof(text)) < 0)
        return ~0ULL;
    const char *line = strstr(text, NAME);
    const char *word = line ? line + sizeof(NAME) - 1 + strspn(line + sizeof(NAME) - 1, " ") : "";
    return isdigit((unsigned char)*word) ? strtoull(word, NULL, 10) : ~0ULL;
}

bool output_write(int file, const char *data, size_t size)
{
    while (size) {
        ssize_t written = write(file, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

static bool is_zero(const char *data, size_t size)
{
    return !*data && !memcmp(data, data + 1, size - 1);
}

/* A block, of which pages of zeros that are pages of the file too are passed over. */
static bool write_sparse(int file, const char *data, size_t size)
{
    size_t at = 0;
    while (at < size) {
        size_t next = at;
        while (next < size && !is_zero(data + next, size - next < PAGE ? size - next : PAGE))
            next += size - next < PAGE ? size - next : PAGE;
        if (next > at && !output_write(file, data + at, next - at))
            return false;
        at = next;
        while (next < size && is_zero(data + next, size - next < PAGE ? size - next : PAGE))
            next += size - next < PAGE ? size - next : PAGE;
        if (next > at && lseek(file, (off_t)(next - at), SEEK_CUR) < 0)
            return false;
        at = next;
    }
    return true;
}

bool output_core(int from, int to, unsigned long long limit)
{
    static char block[BLOCK];
    unsigned long long size = 0;
    bool is_over = false;
    while (!is_over && size < limit) {
        size_t used = 0, room = limit - size < BLOCK ? (size_t)(limit - size) : BLOCK;
        while (!is_over && used < room) { /* a whole block, so that its pages are the file's */
            ssize_t got = read(from, block + used, room - used);
            if (got < 0 && errno != EINTR)
                return false;
            is_over = !got;
            used += got > 0 ? (size_t)got : 0;
        }
        if (!write_sparse(to, block, used))
            return false;
        size += used;
    }
    if (ftruncate(to, (off_t)size))
        return false;
    errno = EFBIG;
    return is_over || read(from, block, 1) == 0;
}

/* Somebody reads it: the kernel leaves no standard error. */
static bool has_reader(void)
{
    struct stat status, null;
    return !fstat(2, &status) && !stat("/dev/null", &null) && status.st_rdev != null.st_rdev;
}

void output_tell_no_core(const struct process *process)
{
    if (has_reader())
        output_complain("process %d may have no core, by its limit (ulimit -c 0): nothing is written",
                        process->pid);
}

void output_complain(const char *format, ...)
{
    char text[1024] = "<3>threadleak-core-handler: ";
    size_t head = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + head, sizeof(text) - head - 1, format, arguments);
    va_end(arguments);
    for (char *at = text + head; *at; at++)
        if (iscntrl((unsigned char)*at))
            *at = '?';
    strcat(text, "\n");
    bool is_told = has_reader();
    int log = is_told ? 2 : open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (log < 0)
        return;
    const char *shown = is_told ? text + 3 : text;
    ssize_t written = write(log, shown, strlen(shown));
    (void)written;
    if (!is_told)
        close(log);
}
