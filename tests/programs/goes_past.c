/* SPDX-License-Identifier: MIT
 *
 * Threads that are created, or joined, past preloaded libraries, by libc's own functions. argv[1] says which:
 *   finished  5 that finish and are never joined, beside a blocked one made as usual; 5 leaked of 7
 *   alive     a blocked one, and none was created as usual; 1 untracked of 2
 *   joined    5 that were created as usual are joined past it, beside a blocked one; 0 leaked of 2
 */
#include "scenario.h"

#include <dlfcn.h>
#include <stdbool.h>

typedef int join(pthread_t, void **);
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
    join *join_past = (join *)dlsym(libc, "pthread_join");
    must(join_past != NULL);
    bool is_finished = strcmp(argv[1], "finished") == 0, is_joined = strcmp(argv[1], "joined") == 0;
    for (int i = 0; is_joined && i < 5; i++)
        must(pthread_create(&thread, NULL, finish, NULL) == 0 && join_past(thread, NULL) == 0);
    for (int i = 0; is_finished && i < 5; i++)
        must(past(&thread, NULL, finish, NULL) == 0);
    must((is_finished || is_joined ? pthread_create : past)(&thread, NULL, stay, NULL) == 0);
    await_arrivals(1);
    be_looked_at(2);
}
