/* SPDX-License-Identifier: MIT
 *
 * sidecar.h - what no core file holds of a process, from /proc, into a file beside the core.
 *
 * The file is an archive of files of /proc/PID and /proc, under the names that they have there, "self" for
 * PID:
 *
 *     threadleak-sidecar/1\n
 *     NAME LENGTH\n
 *     LENGTH bytes\n
 *     ...
 *     end 0\n
 *     \n
 *
 * Of a symbolic link the bytes are what it names. Of self/task/TID/status there is the line NSpid alone, and
 * only for a process in a PID namespace of its own; of self/net/tcp and the like there are the lines of the
 * process's own sockets; self/maps.count and time_ns (CLOCK_REALTIME) are numbers;
 * host is a name. A later version adds names; readers pass over those that they do not know. A record `cut`
 * says why what should follow is missing. What /proc does not tell is left out. self/environ is never read:
 * it holds passwords. target/sidecar.py is the reader.
 */
#ifndef THREADLEAK_SIDECAR_H
#define THREADLEAK_SIDECAR_H

#include <stdbool.h>
#include <stddef.h>

#define SIDECAR_MAX (16 << 20)    /* bytes of a whole file */
#define SIDECAR_FDS_MAX 16384     /* open files that are described */
#define SIDECAR_MS_MAX 1000       /* then it is cut */
#define SIDECAR_NET_MAX (4 << 20) /* of a table of sockets, which is that of the whole network namespace */

struct sidecar {
    char *data;
    size_t size, room;
    bool is_cut;
    long long deadline_ns;
};

/* Collects from `folder`, an open /proc/PID. false: nothing was to be had; errno says why. */
bool sidecar_collect(struct sidecar *sidecar, int folder);

/* ---- its parts ---- */

/* Adds a record, or cuts the sidecar where it would be too large, or the time is over: false then. */
bool sidecar_add(struct sidecar *sidecar, const char *name, const void *data, size_t size);
/* A file at `at`, if it can be read. */
void sidecar_add_file(struct sidecar *sidecar, const char *name, int at, const char *path);
void sidecar_add_number(struct sidecar *sidecar, const char *name, long long value);

/* Open files and sockets (descriptors.c), and what limits the creation of threads (limits.c). */
void sidecar_add_descriptors(struct sidecar *sidecar, int folder);
void sidecar_add_limits(struct sidecar *sidecar, int folder);

#endif
