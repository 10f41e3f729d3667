/* SPDX-License-Identifier: MIT
 *
 * Several threads create, name, poll, join and detach others, all at once. Prints how many threads
 * there were, main too, and how many events of them.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "threadleak_abi.h"

enum { CREATORS = 4, EACH = 400 };

extern struct threadleak_registry threadleak_registry;

static void *returns(void *arg)
{
    return arg;
}

static void end(pthread_t thread, int i)
{
    const struct timespec past = {0, 0};
    if (i % 7 == 0)
        pthread_detach(thread);
    else if (i % 5 == 0)
        while (pthread_tryjoin_np(thread, NULL))
            ;
    else if (i % 3 == 0)
        while (pthread_timedjoin_np(thread, NULL, &past))
            ;
    else
        pthread_join(thread, NULL);
}

static void *storms(void *arg)
{
    for (int i = 0; i < EACH; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, returns, NULL))
            return NULL;
        if (i % 50 == 0)
            pthread_setname_np(pthread_self(), "storm");
        end(thread, i);
    }
    return arg;
}

int main(void)
{
    pthread_t creators[CREATORS];
    for (int i = 0; i < CREATORS; i++)
        pthread_create(&creators[i], NULL, storms, NULL);
    for (int i = 0; i < CREATORS; i++)
        pthread_join(creators[i], NULL);
    const struct threadleak_events *events = (void *)(uintptr_t)threadleak_registry.events;
    printf("%lu threads, %lu events\n", (unsigned long)(threadleak_registry.next_id - 1),
           (unsigned long)(__atomic_load_n(&events->next, __ATOMIC_RELAXED) - 1));
    return 0;
}
