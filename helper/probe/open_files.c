/* SPDX-License-Identifier: MIT */
#include "open_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "procfs.h"

static void print_path(FILE *out, const char *path, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (path[i] == '\n')
            fputs("\\012", out);
        else
            fputc(path[i], out);
}

static void print_file(FILE *out, int folder, int files, const char *number)
{
    char path[PATH_MAX], name[300], info[1024];
    ssize_t size = readlinkat(files, number, path, sizeof path);
    if (size < 0)
        return; /* it was closed meanwhile */
    snprintf(name, sizeof name, "fdinfo/%s", number);
    const char *flags = NULL;
    if (procfs_read_short(folder, name, info, sizeof info) > 0)
        flags = procfs_field(info, "flags");
    fprintf(out, "%s %lo ", number, flags ? strtoul(flags, NULL, 8) : 0);
    print_path(out, path, (size_t)size);
    fputc('\n', out);
}

char *open_files_text(int folder, size_t *size)
{
    int files = openat(folder, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = files < 0 ? NULL : fdopendir(files);
    char *text = NULL;
    FILE *out = list ? open_memstream(&text, size) : NULL;
    for (struct dirent *entry; out && (entry = readdir(list));)
        if (entry->d_name[0] != '.')
            print_file(out, folder, files, entry->d_name);
    if (out && fclose(out)) {
        free(text);
        text = NULL;
    }
    if (list)
        closedir(list);
    else if (files >= 0)
        close(files);
    return text;
}
