/* SPDX-License-Identifier: MIT */
#include "descriptor.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "real.h"
#include "registry.h"
#include "table.h"
#include "thread.h"

#define MOST_LISTED 65536 /* a list that was overwritten may have no end */

/* Heads of the lists of stacks of glibc's own and of the program's, each {next, previous}. */
static const uintptr_t *lists[2];
static uintptr_t link_offset; /* of a descriptor's own {next, previous} */

/* A field that is such a pair, of which glibc exports for libthread_db where in `whole` it lies: {bits,
 * count, offset} (nptl_db/structs.def). NULL: it does not. */
static const uintptr_t *link_told(const char *whole, const char *name)
{
    const uint32_t *field = real_symbol(RTLD_DEFAULT, name);
    bool is_link = whole && field && field[0] == 2 * 8 * sizeof(uintptr_t) && field[2] < 65536;
    return is_link ? (const uintptr_t *)(whole + field[2]) : NULL;
}

void descriptors_init(void)
{
    const char *rtld = real_symbol(RTLD_DEFAULT, "_rtld_global"), *self = (const char *)pthread_self();
    const uintptr_t *own = link_told(self, "_thread_db_pthread_list");
    if (!own)
        return;
    link_offset = (uintptr_t)own - (uintptr_t)self;
    lists[0] = link_told(rtld, "_thread_db_rtld_global__dl_stack_used");
    lists[1] = link_told(rtld, "_thread_db_rtld_global__dl_stack_user");
}

/* Neither a page fault nor a change: the kernel reads the new mask before it looks at what is to be done with
 * it (kernel/signal.c, rt_sigprocmask), EFAULT or EINVAL. */
static bool is_readable(uintptr_t address)
{
    const int nothing_to_do = -1;
    return syscall(SYS_rt_sigprocmask, nothing_to_do, address, NULL, sizeof(uint64_t)) == 0 ||
           errno != EFAULT;
}

static bool is_descriptor(uintptr_t pthread)
{
    uintptr_t word = pthread + (uintptr_t)(intptr_t)threadleak_registry.self_offset;
    uintptr_t tid = pthread + (uintptr_t)(intptr_t)threadleak_registry.tid_offset;
    if (pthread % sizeof(void *) || !is_readable(pthread) || !is_readable(word) || !is_readable(tid & ~7ul))
        return false;
#ifdef __x86_64__
    return *(uintptr_t *)pthread == pthread; /* tcbhead_t.tcb (sysdeps/x86_64/nptl/tls.h) */
#else
    return true;
#endif
}

/* Whether the record at `address` is no longer that of the thread `id`. */
static bool was_given_back(uint64_t address, uint64_t id)
{
    if (table_index(&threadleak_registry.records, address) == TABLE_FULL)
        return false;
    const struct threadleak_record *record = (const struct threadleak_record *)(uintptr_t)address;
    return __atomic_load_n(&record->id, __ATOMIC_ACQUIRE) != id;
}

enum descriptor descriptor_look(pthread_t pthread, uint64_t *id)
{
    int saved = errno;
    bool is_there = is_descriptor((uintptr_t)pthread);
    errno = saved;
    if (!is_there)
        return DESCRIPTOR_NONE;
    /* Made anew for the thread that takes the descriptor next. */
    const char *at = (const char *)pthread;
    const struct thread_self *self = (const struct thread_self *)(at + threadleak_registry.self_offset);
    uint64_t record = (uintptr_t)__atomic_load_n(&self->record, __ATOMIC_ACQUIRE);
    uint64_t owner = __atomic_load_n(&self->id, __ATOMIC_RELAXED);
    if (id)
        *id = owner;
    /* pthread_join leaves -1 in the thread id, as the sign that makes it fail with ESRCH
     * (nptl/pthread_join_common.c); who takes the descriptor next gets a thread id before its pthread_t is of
     * use to anybody. */
    int32_t offset = threadleak_registry.tid_offset;
    if (offset && __atomic_load_n((const int32_t *)(at + offset), __ATOMIC_ACQUIRE) == -1)
        return DESCRIPTOR_JOINED;
    if (record == (uintptr_t)THREAD_RELEASED)
        return DESCRIPTOR_DETACHED;
    return was_given_back(record, owner) ? DESCRIPTOR_UNUSED : DESCRIPTOR_VALID;
}

int64_t descriptors_of_others(void)
{
    int saved = errno;
    const uintptr_t own = (uintptr_t)pthread_self() + link_offset;
    int64_t count = 0;
    if (!lists[0] || !lists[1])
        return -1;
    for (int i = 0; i < 2; i++) {
        uintptr_t node = lists[i][0];
        while (node != (uintptr_t)lists[i] && count < MOST_LISTED) {
            count += node != own;
            /* no system call for what is there: a sandbox may forbid it */
            if (node != own && (node % sizeof node || !is_readable(node)))
                break; /* the stack was the program's, which has unmapped it */
            node = *(const uintptr_t *)node;
        }
    }
    errno = saved;
    return count;
}
