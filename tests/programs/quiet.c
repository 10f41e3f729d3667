/* SPDX-License-Identifier: MIT
 *
 * Nothing leaked: a blocked thread in a scope that is open, and one that was joined. 0 leaked of 2. With
 * argv[1] it first writes a wrong value into its own registry, and what is said must not be green:
 *   major    a version of the format that no reader knows: refused
 *   self     the address of another place: a stray copy, so there is none
 *   entries  more records than the table has room for
 *   size     records of 8 bytes
 *   cycle    a scope inside itself; harmless, but it must end
 * Green it may stay with
 *   minor    a newer minor version
 */
#include "scenario.h"

#include <dlfcn.h>

#include "threadleak.h"
#include "threadleak_abi.h"

static void *stay(void *arg)
{
    name_me("blocked");
    block();
    return arg;
}

static void *finish(void *arg)
{
    return arg;
}

static void damage(const char *what)
{
    struct threadleak_registry *registry = dlsym(RTLD_DEFAULT, "threadleak_registry");
    must(registry);
    if (strcmp(what, "major") == 0)
        registry->abi_major = 7;
    else if (strcmp(what, "minor") == 0)
        registry->abi_minor = 9;
    else if (strcmp(what, "self") == 0)
        registry->self ^= 4096;
    else if (strcmp(what, "entries") == 0)
        registry->records.used = 1u << 20;
    else if (strcmp(what, "size") == 0)
        registry->records.entry_size = 8;
    else if (strcmp(what, "cycle") == 0)
        ((struct threadleak_scope *)(uintptr_t)registry->scopes.chunks[0].address)[1].parent = 1;
    else
        must(!"known");
}

int main(int argc, char **argv)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, finish, NULL) == 0);
    must(pthread_join(thread, NULL) == 0);
    threadleak_scope_begin("open");
    must(pthread_create(&thread, NULL, stay, NULL) == 0);
    await_arrivals(1);
    if (argc == 2)
        damage(argv[1]);
    be_looked_at(2);
}
