/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procfs.h"

void watch_begin(struct watch *watch, int task)
{
    *watch = (struct watch){.task = task, .syscall = -1, .runs = -1};
    /* a kernel without CONFIG_SCHED_INFO has none */
    watch->has_schedstat = !access("/proc/self/schedstat", R_OK);
}

void watch_end(struct watch *watch)
{
    if (watch->syscall >= 0)
        close(watch->syscall);
    if (watch->runs >= 0)
        close(watch->runs);
    watch->syscall = watch->runs = -1;
    watch->tid = 0;
}

static int open_file(const struct watch *watch, uint32_t tid, const char *file)
{
    char name[48];
    snprintf(name, sizeof name, "%u/%s", tid, file);
    return openat(watch->task, name, O_RDONLY | O_CLOEXEC);
}

static enum outcome open_files(struct watch *watch, uint32_t tid)
{
    if (watch->tid == tid)
        return SEEN;
    watch_end(watch);
    watch->syscall = open_file(watch, tid, "syscall");
    if (watch->syscall < 0) {
        int status = open_file(watch, tid, "status");
        if (status < 0)
            return GONE;
        close(status);
        return UNREADABLE;
    }
    watch->runs = open_file(watch, tid, watch->has_schedstat ? "schedstat" : "status");
    watch->tid = tid;
    return SEEN;
}

/* Third number of schedstat (sched_info.pcount); without it what the switches away from it add up to. */
static bool read_runs(const struct watch *watch, uint64_t *runs)
{
    char text[1 << 16]; /* for many groups, which a status lists first */
    if (watch->runs < 0 || procfs_read_again(watch->runs, text, sizeof text) <= 0)
        return false;
    if (watch->has_schedstat) {
        char *at;
        strtoull(text, &at, 10);
        strtoull(at, &at, 10);
        const char *last = at;
        *runs = strtoull(last, &at, 10);
        return at != last;
    }
    *runs = procfs_number(text, "voluntary_ctxt_switches", 0) +
            procfs_number(text, "nonvoluntary_ctxt_switches", 0);
    return procfs_field(text, "voluntary_ctxt_switches") != NULL;
}

/* "running", "-1 SP PC" outside of any system call, or "NUMBER ARGUMENT*6 SP PC" (fs/proc/base.c). */
static bool parse_syscall(const char *text, struct sighting *sighting)
{
    uint64_t values[8] = {0};
    sighting->syscall = -1;
    if (strncmp(text, "running", 7)) {
        char *at;
        sighting->syscall = strtoll(text, &at, 10);
        int wanted = sighting->syscall < 0 ? 2 : 8;
        for (int i = 8 - wanted; i < 8; i++) {
            if (*at != ' ')
                return false;
            values[i] = strtoull(at, &at, 16);
        }
    }
    memcpy(sighting->arguments, values, sizeof sighting->arguments);
    sighting->sp = values[6];
    sighting->pc = values[7];
    return true;
}

static enum outcome read_syscall(const struct watch *watch, struct sighting *sighting)
{
    char text[512];
    ssize_t got = procfs_read_again(watch->syscall, text, sizeof text);
    if (got < 0 && errno != ESRCH && errno != ENOENT)
        return UNREADABLE;
    if (got <= 0)
        return GONE;
    if (!parse_syscall(text, sighting))
        return UNREADABLE;
    bool has_no_stack = !sighting->sp && !sighting->pc && !strncmp(text, "-1", 2);
    return has_no_stack ? GONE : SEEN; /* the kernel has taken the stack of a thread that ends */
}

/* First the run count: a thread that runs in between shows in the second look. */
enum outcome watch_look(struct watch *watch, uint32_t tid, struct sighting *sighting)
{
    *sighting = (struct sighting){.syscall = -1};
    enum outcome outcome = open_files(watch, tid);
    if (outcome != SEEN)
        return outcome;
    sighting->is_valid = read_runs(watch, &sighting->runs);
    return read_syscall(watch, sighting);
}

bool watch_is_same(struct watch *watch, uint32_t tid, const struct sighting *before)
{
    struct sighting now = {.is_valid = true};
    if (!before->is_valid || !before->sp || open_files(watch, tid) != SEEN ||
        read_syscall(watch, &now) != SEEN || !read_runs(watch, &now.runs))
        return false;
    return !memcmp(&now, before, sizeof now);
}
