/* SPDX-License-Identifier: MIT
 *
 * Detached threads that end by the system call alone, so that nobody sees their end. argv[1] says which:
 *   cancels  10 of them, and 10 raw clones: the kernel has as many threads as records say; 10 untracked of 11
 *   goes-on  one each 2 ms, up to 20,000; 0 of 1
 */
#include "scenario.h"

#include <limits.h>

static void *end(void *arg)
{
    syscall(SYS_exit, 0);
    return arg;
}

static void make_one(const pthread_attr_t *attr)
{
    pthread_t thread;
    must(pthread_create(&thread, attr, end, NULL) == 0);
}

int main(int argc, char **argv)
{
    static char stacks[10][16384] __attribute__((aligned(16)));
    pthread_attr_t attr;
    must(argc == 2 && pthread_attr_init(&attr) == 0);
    must(pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN) == 0);
    must(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0);
    if (strcmp(argv[1], "goes-on") == 0) {
        say_ready();
        for (int made = 0;; usleep(2000))
            if (made++ < 20000)
                make_one(&attr);
    }
    for (int i = 0; i < 10; i++)
        make_one(&attr);
    for (int i = 0; i < 10; i++)
        clone_raw(stacks[i] + sizeof stacks[i]);
    be_looked_at(11);
}
