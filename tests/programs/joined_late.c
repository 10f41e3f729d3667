/* SPDX-License-Identifier: MIT
 *
 * A thread that has finished, and another that was woken in its join and has not run since: a moment that
 * cannot be held, so that one who waits for the same word, for good, stands in for it.
 *
 * To be reported: be_short, finished, not counted, since it is being joined.
 */
#include "scenario.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static _Atomic int *word; /* of be_short's descriptor; the kernel clears it when the thread is gone */

static void *be_short(void *arg)
{
    _Atomic int *tid = (_Atomic int *)pthread_self();
    while (atomic_load(tid) != gettid())
        tid++;
    word = tid;
    return arg;
}

static void *join(void *arg)
{
    for (;;)
        syscall(SYS_futex, word, FUTEX_WAIT_BITSET, 0, NULL, NULL, FUTEX_BITSET_MATCH_ANY);
    return arg;
}

int main(void)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, be_short, NULL) == 0);
    await_tasks(1);
    must(pthread_create(&thread, NULL, join, NULL) == 0);
    be_looked_at(2);
}
