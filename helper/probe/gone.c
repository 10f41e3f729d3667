/* SPDX-License-Identifier: MIT */
#include "gone.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

struct gone {
    struct source source;
    char *root, *path;
};

static size_t read_nothing(struct source *source, uint64_t address, void *buffer, size_t size)
{
    (void)source, (void)address, (void)buffer, (void)size;
    return 0;
}

static void gone_close(struct source *source)
{
    struct gone *gone = (struct gone *)source;
    free(gone->root);
    free(gone->path);
    free(gone);
}

/* There is no thread that the others could be asked for. */
static const struct source_operations operations = {.read = read_nothing, .close = gone_close};

struct source *gone_open(const struct source *of, const char *path)
{
    struct gone *gone = calloc(1, sizeof *gone);
    char *root = strdup(of->root), *copy = strdup(path);
    if (!gone || !root || !copy) {
        probe_error("out of memory");
        free(gone);
        free(root);
        free(copy);
        return NULL;
    }
    *gone = (struct gone){
        .source = {.operations = &operations, .arch = of->arch, .root = root, .info = of->info},
        .root = root,
        .path = copy,
    };
    gone->source.info.thread_count = 0;
    gone->source.info.command = NULL;
    return &gone->source;
}

const char *gone_path(const struct source *source)
{
    return ((const struct gone *)source)->path;
}
