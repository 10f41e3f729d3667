/* SPDX-License-Identifier: MIT
 *
 * What the threads of a process do, as the kernel tells: a test waits for that, never for a while.
 */
#ifndef STATES_H
#define STATES_H

#include <dirent.h>
#include <stdio.h>
#include <sys/types.h>

/* How many threads are in that state (proc(5), stat); 0: how many there are. */
static inline unsigned threads_in_state(pid_t pid, char wanted)
{
    char path[300];
    unsigned count = 0;
    struct dirent *entry;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *folder = opendir(path);
    while (folder && (entry = readdir(folder))) {
        char state = 0;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/stat", (int)pid, entry->d_name);
        FILE *file = fopen(path, "re");
        if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
            state = 0;
        if (file)
            fclose(file);
        count += !wanted || state == wanted;
    }
    if (folder)
        closedir(folder);
    return count;
}

#endif
