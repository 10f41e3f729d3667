/* SPDX-License-Identifier: MIT
 *
 * A fork child whose thread waits for a mutex that the forking thread held: that goes on here, with another
 * tid than the mutex has.
 * stuck:
 */
#include "deadlock.h"

#include <sys/wait.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *waiter(void *name)
{
    name_me(name);
    lock(&mutex);
    return NULL;
}

int main(void)
{
    lock(&mutex);
    pid_t child = fork();
    must(child >= 0);
    if (child) {
        must(waitpid(child, NULL, 0) == child);
        must(printf("child ended\n") > 0 && fflush(stdout) == 0);
        block();
    }
    start("waiter", waiter);
    be_looked_at(2);
}
