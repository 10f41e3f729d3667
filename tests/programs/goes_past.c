/* SPDX-License-Identifier: MIT
 *
 * Threads that are created past preloaded libraries, by libc's own pthread_create. argv[1] says which:
 *   finished  5 that finish and are never joined, beside a blocked one that was created as usual; 5 leaked of
 * 7 alive     a blocked one, and none was created as usual; 1 untracked of 2
 */
#include "scenario.h"

#include <dlfcn.h>
#include <stdbool.h>

typedef int create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

static void *finish(void *arg)
{
    return arg;
}

static void *stay(void *arg)
{
    arrive();
    block();
    return arg;
}

int main(int argc, char **argv)
{
    must(argc == 2);
    pthread_t thread;
    void *libc = dlopen("libc.so.6", RTLD_LAZY);
    create *past = libc ? (create *)dlsym(libc, "pthread_create") : NULL;
    must(past != NULL);
    bool is_finished = strcmp(argv[1], "finished") == 0;
    for (int i = 0; is_finished && i < 5; i++)
        must(past(&thread, NULL, finish, NULL) == 0);
    must((is_finished ? pthread_create : past)(&thread, NULL, stay, NULL) == 0);
    await_arrivals(1);
    be_looked_at(2);
}
