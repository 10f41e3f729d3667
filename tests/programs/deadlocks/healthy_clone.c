/* SPDX-License-Identifier: MIT
 *
 * A thread made by clone() alone, which has its maker's thread pointer: what it locks has its maker for an
 * owner, and its maker waits for that.
 * stuck:
 */
#include "deadlock.h"

#include <sys/syscall.h>

static pthread_mutex_t of_clone = PTHREAD_MUTEX_INITIALIZER;
static char stack[1 << 16];

static int hold(void *arg)
{
    lock(&of_clone);
    arrive();
    for (;;)
        syscall(SYS_pause);
    return arg != NULL;
}

static void *maker(void *name)
{
    name_me(name);
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    must(clone(hold, stack + sizeof stack, flags, NULL) > 0);
    await_arrivals(1);
    lock(&of_clone);
    return NULL;
}

int main(void)
{
    start("maker", maker);
    be_looked_at(3);
}
