/* SPDX-License-Identifier: MIT
 *
 * A busy pool: round after round up to 15 workers begin, do a little and are joined. With the argument
 * "leaks" one more is left unjoined in each round, up to 20,000.
 */
#include "scenario.h"

#include <limits.h>

#define MOST 15
#define MOST_LEAKED 20000

static pthread_attr_t small;

static void *work(void *arg)
{
    usleep(*(useconds_t *)arg);
    return arg;
}

static void *finish(void *arg)
{
    return arg;
}

__attribute__((noinline)) static void run_pool(int workers, useconds_t *length)
{
    pthread_t pool[MOST];
    for (int i = 0; i < workers; i++)
        must(pthread_create(&pool[i], &small, work, length) == 0); /* creates joined */
    for (int i = 0; i < workers; i++)
        must(pthread_join(pool[i], NULL) == 0);
}

__attribute__((noinline)) static void leave_one(void)
{
    pthread_t thread;
    must(pthread_create(&thread, &small, finish, NULL) == 0); /* creates unjoined */
}

int main(int argc, char **argv)
{
    int leaks = argc > 1 && strcmp(argv[1], "leaks") == 0;
    must(pthread_attr_init(&small) == 0);
    must(pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN) == 0);
    srand(1);
    say_ready();
    for (int leaked = 0;; leaked += leaks) {
        useconds_t length = (useconds_t)(1000 + rand() % 4000);
        if (leaks && leaked < MOST_LEAKED)
            leave_one();
        run_pool(rand() % (MOST + 1), &length);
        usleep(1000);
    }
}
