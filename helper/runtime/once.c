/* SPDX-License-Identifier: MIT */
#include "once.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t progress_word(uint32_t pid, uint32_t tid, enum once_phase phase)
{
    return (uint64_t)pid << 32 | tid << 2 | phase; /* PID_MAX_LIMIT is 2^22 (proc(5), pid_max) */
}

enum once_phase once_phase(const struct once *once)
{
    uint64_t word = __atomic_load_n(&once->progress, __ATOMIC_ACQUIRE);
    if (!word)
        return ONCE_NOT_YET;
    return word >> 32 == (uint32_t)getpid() ? (enum once_phase)(word & 3) : ONCE_NOT_YET;
}

int once_do(struct once *once, int (*act)(int), int argument, int nested)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};
    uint32_t pid = (uint32_t)getpid();
    const uint64_t mine = progress_word(pid, (uint32_t)syscall(SYS_gettid), ONCE_RUNS);
    uint64_t now = __atomic_load_n(&once->progress, __ATOMIC_ACQUIRE);
    while (once_phase(once) == ONCE_NOT_YET) {
        if (!__atomic_compare_exchange_n(&once->progress, &now, mine, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
            continue;
        once->found = act(argument);
        __atomic_store_n(&once->progress, mine ^ ONCE_RUNS ^ ONCE_DONE, __ATOMIC_RELEASE);
        return once->found;
    }
    while (once_phase(once) == ONCE_RUNS) {
        if (__atomic_load_n(&once->progress, __ATOMIC_ACQUIRE) == mine)
            return nested;
        syscall(SYS_nanosleep, &millisecond, NULL);
    }
    return once->found;
}
