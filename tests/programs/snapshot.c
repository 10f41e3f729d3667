/* SPDX-License-Identifier: MIT
 *
 * argv[1] threads that finish and are never joined, each with the stack that it gets by default (8 MiB), and
 * three that wait for a lock on the heap, which main holds. For debuggers: a value in .data, text in .bss.
 */
#include "scenario.h"

static int answer = 41;
static char greeting[1 << 16];
static pthread_mutex_t *lock;

static void *finish(void *arg)
{
    return arg;
}

static void *wait_for_lock(void *arg)
{
    name_me("waiter");
    arrive();
    must(pthread_mutex_lock(lock) == 0);
    return arg;
}

int main(int argc, char **argv)
{
    must(argc == 2);
    pthread_t thread;
    answer++;
    strcpy(greeting + sizeof greeting / 2, "hello");
    lock = malloc(sizeof *lock);
    must(pthread_mutex_init(lock, NULL) == 0 && pthread_mutex_lock(lock) == 0);
    for (int i = 0; i < atoi(argv[1]); i++)
        must(pthread_create(&thread, NULL, finish, NULL) == 0); /* creates unjoined */
    for (int i = 0; i < 3; i++)
        must(pthread_create(&thread, NULL, wait_for_lock, NULL) == 0); /* creates waiter */
    await_arrivals(3);
    int asleep, count;
    do {
        usleep(1000);
        count = count_tasks(&asleep);
    } while (count != 4 || !asleep);
    printf("ready\n");
    fflush(stdout);
    block();
}
