/* SPDX-License-Identifier: MIT
 *
 * start_folder.h - the working directory at the start. A program may go elsewhere (a daemon to /), and paths
 * in its environment are meant from where it was started.
 */
#ifndef THREADLEAK_START_FOLDER_H
#define THREADLEAK_START_FOLDER_H

#include "text.h"

#define START_FOLDER_SIZE 1024

/* Before any path is used. A folder that has no name, or too long a one, leaves paths as they are. */
void start_folder_init(void);

/* What has to stand before `path`; nothing, if it is empty or not relative. */
void start_folder_add(struct text *text, const char *path);

#endif
