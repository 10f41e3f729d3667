/* SPDX-License-Identifier: MIT */
#include "ending.h"

#include <fcntl.h>
#include <string.h>

#include "registry.h"
#include "settle.h"
#include "system_call.h"
#include "table.h"
#include "text.h"

#define LOOK_NS 1000000 /* between two looks at what the kernel says, while no end is seen */

/* Whether the thread has something to do: it runs, waits for a processor, or reads from a disk. */
static bool is_busy(uint32_t tid)
{
    char path[64], stat[128]; /* "TID (NAME) STATE numbers", proc(5) */
    struct text text = text_in(path, sizeof path);
    text_add(&text, "/proc/self/task/");
    text_add_number(&text, tid);
    text_add(&text, "/stat");
    long fd = system_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    long length = system_call(SYS_read, fd, stat, sizeof stat - 1);
    system_call(SYS_close, fd);
    stat[length > 0 ? length : 0] = '\0';
    const char *state = strrchr(stat, ')'); /* names may have some */
    return state && (!strncmp(state, ") R", 3) || !strncmp(state, ") D", 3));
}

enum threads { GONE, ASLEEP, BUSY };

static enum threads look(const struct selection *selection, uint64_t end)
{
    const struct threadleak_table *records = &threadleak_registry.records;
    uint64_t used = __atomic_load_n(&records->used, __ATOMIC_ACQUIRE);
    enum threads found = GONE;
    for (uint64_t i = 0; i < used; i++) {
        const struct threadleak_record *record = table_entry(records, (uint32_t)i);
        if (__atomic_load_n(&record->id, __ATOMIC_ACQUIRE) >= end || !candidates_has(selection, record))
            continue;
        uint32_t state = __atomic_load_n(&record->state, __ATOMIC_RELAXED);
        uint32_t tid = __atomic_load_n(&record->tid, __ATOMIC_RELAXED); /* 0: it has not begun yet */
        if (!(state & THREADLEAK_STATE_FINISHED) && (!tid || is_busy(tid)))
            return BUSY;
        found = ASLEEP;
    }
    return found;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void ending_await(const struct selection *selection, uint64_t end, uint64_t quiet_ns, uint64_t most_ns)
{
    const uint32_t generation = threadleak_registry.fork_generation;
    const uint64_t deadline = settle_now() + most_ns;
    uint64_t quiet = settle_now() + quiet_ns, next_look = 0;
    settle_enter();
    for (;;) {
        uint32_t seen = settle_events();
        if (candidates_none(selection))
            break;
        if (settle_now() >= next_look) {
            enum threads found = look(selection, end);
            uint64_t now = settle_now();
            if (found == BUSY)
                quiet = now + quiet_ns;
            if (found == GONE || now >= earlier(quiet, deadline))
                break;
            next_look = now + LOOK_NS;
        }
        settle_wait(seen, next_look);
    }
    if (threadleak_registry.fork_generation == generation) /* else a signal handler has forked this process */
        settle_leave();
}
