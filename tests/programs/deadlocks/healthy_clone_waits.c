/* SPDX-License-Identifier: MIT
 *
 * A thread made by clone() alone, which has its maker's thread pointer, waits for a mutex that its maker
 * holds.
 * stuck:
 */
#include "deadlock.h"

#include <sys/syscall.h>

static pthread_mutex_t of_maker = PTHREAD_MUTEX_INITIALIZER;
static char stack[1 << 16];

static int wait(void *arg)
{
    lock(&of_maker);
    return arg != NULL;
}

static void *maker(void *name)
{
    name_me(name);
    lock(&of_maker);
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    must(clone(wait, stack + sizeof stack, flags, NULL) > 0);
    block();
}

int main(void)
{
    start("maker", maker);
    be_looked_at(3);
}
