/* SPDX-License-Identifier: MIT
 *
 * main has returned, and exit handlers run, while a thread lives and another one was never joined. To be
 * reported, both proven: 1 outlived and 1 unjoined of 3.
 */
#include "scenario.h"

static void *finish(void *arg)
{
    name_me("unjoined");
    return arg;
}

static void *stay(void *arg)
{
    name_me("outlived");
    block();
    return arg;
}

/* Runs after what atexit registered (__libc_start_main registers _dl_fini first of all). */
__attribute__((destructor)) static void at_the_end(void)
{
    be_looked_at(2);
}

int main(void)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, finish, NULL) == 0);
    must(pthread_create(&thread, NULL, stay, NULL) == 0);
    await_arrivals(1);
    return 0;
}
