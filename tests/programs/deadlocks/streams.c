/* SPDX-License-Identifier: MIT
 *
 * Streams that fopen did not make, each of which has its lock elsewhere: a thread ended while it had four
 * of them locked, and there is a ring over a fifth and a mutex.
 * stuck: on_cookie on_fmemopen on_memstream on_popen asks holds
 */
#include "deadlock.h"

#include <sys/wait.h>

static FILE *by_popen, *by_fmemopen, *by_open_memstream, *by_fopencookie, *in_ring;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *lock_and_end(void *name)
{
    name_me(name);
    flockfile(by_popen);
    flockfile(by_fmemopen);
    flockfile(by_open_memstream);
    flockfile(by_fopencookie);
    return NULL;
}

static void *on_popen(void *name)
{
    name_me(name);
    everybody_holds();
    flockfile(by_popen);
    return NULL;
}

static void *on_fmemopen(void *name)
{
    name_me(name);
    everybody_holds();
    (void)ferror(by_fmemopen);
    return NULL;
}

static void *on_memstream(void *name)
{
    name_me(name);
    everybody_holds();
    clearerr(by_open_memstream);
    return NULL;
}

static void *on_cookie(void *name)
{
    fpos_t position;
    name_me(name);
    everybody_holds();
    return fgetpos(by_fopencookie, &position) ? name : NULL;
}

static void *holds(void *name)
{
    name_me(name);
    flockfile(in_ring);
    everybody_holds();
    lock(&mutex);
    return NULL;
}

static void *asks(void *name)
{
    name_me(name);
    lock(&mutex);
    everybody_holds();
    return feof(in_ring) ? name : NULL;
}

int main(void)
{
    static char *text, memory[16];
    static size_t size;
    by_popen = popen("true", "r");
    must(by_popen && wait(NULL) > 0);
    by_fmemopen = fmemopen(memory, sizeof memory, "w");
    by_open_memstream = open_memstream(&text, &size);
    by_fopencookie = fopencookie(NULL, "w", (cookie_io_functions_t){0});
    in_ring = open_memstream(&text, &size);
    must(by_fmemopen && by_open_memstream && by_fopencookie && in_ring);
    must(pthread_barrier_init(&all_hold, NULL, 7) == 0);
    start("on_popen", on_popen);
    start("on_fmemopen", on_fmemopen);
    start("on_memstream", on_memstream);
    start("on_cookie", on_cookie);
    start("holds", holds);
    start("asks", asks);
    must(pthread_join(start("owner", lock_and_end), NULL) == 0);
    everybody_holds();
    be_looked_at(7);
}
