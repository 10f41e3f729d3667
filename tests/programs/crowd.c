/* SPDX-License-Identifier: MIT
 *
 * argv[1] blocked threads, then argv[2] that finish and are never joined, on the smallest of stacks. To be
 * reported: argv[2] unjoined of argv[1] + argv[2] + 1.
 */
#include "scenario.h"

#include <limits.h>

static pthread_attr_t small;

static void *stay(void *arg)
{
    block();
    return arg;
}

static void *finish(void *arg)
{
    return arg;
}

static void start_blocked(int count)
{
    for (int i = 0; i < count; i++) {
        pthread_t thread;
        must(pthread_create(&thread, &small, stay, NULL) == 0); /* creates blocked */
    }
    await_arrivals(count);
}

static void start_unjoined(int count)
{
    for (int i = 0; i < count; i++) {
        pthread_t thread;
        must(pthread_create(&thread, &small, finish, NULL) == 0); /* creates unjoined */
    }
}

int main(int argc, char **argv)
{
    must(argc == 3);
    must(pthread_attr_init(&small) == 0);
    must(pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN) == 0);
    start_blocked(atoi(argv[1]));
    start_unjoined(atoi(argv[2]));
    be_looked_at(atoi(argv[1]) + 1);
}
