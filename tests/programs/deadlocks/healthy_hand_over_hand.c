/* SPDX-License-Identifier: MIT
 *
 * Threads that walk along a row of mutexes, each of which is locked before the one behind it is unlocked.
 * They never stand still.
 * looks: 10
 * stuck:
 */
#include "deadlock.h"

enum { MUTEXES = 6, WALKERS = 4 };

static pthread_mutex_t row[MUTEXES];

static void *walk(void *name)
{
    name_me(name);
    arrive();
    for (;;) {
        lock(&row[0]);
        for (int i = 1; i < MUTEXES; i++) {
            lock(&row[i]);
            must(pthread_mutex_unlock(&row[i - 1]) == 0);
        }
        must(pthread_mutex_unlock(&row[MUTEXES - 1]) == 0);
    }
}

int main(void)
{
    for (int i = 0; i < MUTEXES; i++)
        must(pthread_mutex_init(&row[i], NULL) == 0);
    for (int i = 0; i < WALKERS; i++)
        start("walker", walk);
    await_arrivals(WALKERS);
    say_ready();
    for (;;)
        pause();
}
