/* SPDX-License-Identifier: MIT
 *
 * Threads that no wrapper sees, beside a blocked one that was created as usual. argv[1] says which:
 *   clone  a raw clone; 1 untracked of 3, nothing leaked
 *   timer  the helper of a timer with SIGEV_THREAD, which libc makes for itself; 1 untracked of 3
 */
#include "scenario.h"

#include <linux/futex.h>
#include <signal.h>
#include <time.h>

static void *stay(void *arg)
{
    name_me("tracked");
    block();
    return arg;
}

static void ignore(union sigval value)
{
    (void)value;
}

int main(int argc, char **argv)
{
    static char stack[65536] __attribute__((aligned(16)));
    pthread_t thread;
    must(argc == 2);
    must(pthread_create(&thread, NULL, stay, NULL) == 0);
    await_arrivals(1);
    if (strcmp(argv[1], "clone") == 0) {
        clone_raw(stack + sizeof stack);
    } else {
        struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = ignore};
        timer_t timer;
        must(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    }
    be_looked_at(3);
}
