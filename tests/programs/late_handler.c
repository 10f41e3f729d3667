/* SPDX-License-Identifier: MIT
 *
 * An exit handler that was registered after the first thread was created, and that hangs: it runs before the
 * library's own. To be reported, proven: 1 outlived of 2.
 */
#include "scenario.h"

static void *stay(void *arg)
{
    name_me("outlived");
    block();
    return arg;
}

static void hang(void)
{
    be_looked_at(2);
}

int main(void)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, stay, NULL) == 0);
    must(atexit(hang) == 0);
    await_arrivals(1);
    return 0;
}
