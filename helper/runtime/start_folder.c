/* SPDX-License-Identifier: MIT */
#include "start_folder.h"

#include <unistd.h>

static char folder[START_FOLDER_SIZE];

void start_folder_init(void)
{
    if (!getcwd(folder, sizeof folder))
        folder[0] = '\0';
}

void start_folder_add(struct text *text, const char *path)
{
    if (!path[0] || path[0] == '/' || !folder[0])
        return;
    text_add(text, folder);
    text_add(text, "/");
}
