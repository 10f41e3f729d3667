/* SPDX-License-Identifier: MIT
 *
 * Every kind of life that a timeline shows: a thread that is joined while it works, one that finished long
 * before its join, one that nobody joins, a detached one, one that is alive, and one whose join goes on; a
 * scope with a scope inside, in which threads are created. An argument: that many threads more, each joined
 * at once.
 */
#include "scenario.h"
#include "threadleak.h"

static pthread_barrier_t at_work, done;

static void *works(void *name)
{
    name_me(name);
    pthread_barrier_wait(&at_work);
    return NULL;
}

static void *finishes(void *name)
{
    name_me(name);
    return NULL;
}

static void *stays(void *name)
{
    name_me(name);
    block();
}

static void *awaits(void *other)
{
    name_me("awaits");
    arrive();
    pthread_join((pthread_t)other, NULL);
    return NULL;
}

static void *creates(void *name)
{
    pthread_t child;
    name_me(name);
    must(pthread_create(&child, NULL, finishes, "grandchild") == 0);
    must(pthread_join(child, NULL) == 0);
    return NULL;
}

static void *is_detached(void *name)
{
    name_me(name);
    pthread_barrier_wait(&done);
    return NULL;
}

static pthread_t start(void *(*routine)(void *), void *argument)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, routine, argument) == 0);
    return thread;
}

/* Without a check, which would start the engine. */
static void end_scope(threadleak_scope_t scope)
{
    if (threadleak_scope_end_)
        threadleak_scope_end_(scope);
}

int main(int argc, char **argv)
{
    pthread_barrier_init(&at_work, NULL, 2);
    pthread_barrier_init(&done, NULL, 2);
    threadleak_scope_t outer = threadleak_scope_begin("timeline/outer");
    pthread_t worker = start(works, "joined");
    threadleak_scope_t inner = threadleak_scope_begin("timeline/inner");
    pthread_t late = start(finishes, "joined-late");
    end_scope(inner);
    await_tasks(2); /* that one has finished */
    pthread_barrier_wait(&at_work);
    must(pthread_join(worker, NULL) == 0);
    must(pthread_join(start(creates, "creates"), NULL) == 0);
    must(pthread_join(late, NULL) == 0);
    pthread_t gone = start(is_detached, "detached");
    must(pthread_detach(gone) == 0);
    pthread_barrier_wait(&done);
    for (int more = argc > 1 ? atoi(argv[1]) : 0; more > 0; more--)
        must(pthread_join(start(finishes, "more"), NULL) == 0);
    start(finishes, "unjoined");
    pthread_t stayer = start(stays, "stays");
    start(awaits, (void *)stayer);
    await_arrivals(2);
    end_scope(outer);
    be_looked_at(3);
}
