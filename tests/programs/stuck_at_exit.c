/* SPDX-License-Identifier: MIT
 *
 * Ends while two of three threads that were created alike wait for each other's mutex for good: stuck_at_exit
 * at_once|detached|daemons. checked: a check of the process, whose result is printed, has seen them when they
 * could go on; a second one sees them once they cannot, as at_once. healthy: the first one alone, and they
 * can go on.
 */
#include <stdbool.h>

#include "scenario.h"
#include "threadleak.h"

static pthread_mutex_t locks[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_barrier_t both_hold;
static sem_t may_go_on;
static const char *how;

static void *locks_both(void *index)
{
    pthread_mutex_t *mine = index, *other = mine == locks ? locks + 1 : locks;
    if (strcmp(how, "daemons") == 0)
        threadleak_mark_daemon("they are meant to stay");
    if (!index)
        block();
    arrive();
    while (sem_wait(&may_go_on))
        ;
    pthread_mutex_lock(mine);
    pthread_barrier_wait(&both_hold);
    arrive();
    pthread_mutex_lock(other);
    return NULL;
}

static void create(void *argument)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, locks_both, argument) == 0);
    if (strcmp(how, "detached") == 0)
        must(pthread_detach(thread) == 0);
}

int main(int argc, char **argv)
{
    must(argc == 2);
    how = argv[1];
    bool is_healthy = strcmp(how, "healthy") == 0, is_checked = strcmp(how, "checked") == 0;
    must(pthread_barrier_init(&both_hold, NULL, 2) == 0);
    for (int i = 0; i < 3; i++)
        create(i < 2 ? locks + i : NULL);
    await_arrivals(3);
    await_tasks(4);
    if (is_healthy || is_checked)
        printf("%d\n", threadleak_verify_none(NULL));
    if (is_healthy)
        return 0;
    sem_post(&may_go_on);
    sem_post(&may_go_on);
    await_arrivals(2);
    await_tasks(4);
    if (is_checked || strcmp(how, "at_once") == 0)
        printf("%d\n", threadleak_verify_none(NULL));
    return 0;
}
