/* SPDX-License-Identifier: MIT
 *
 * A process with an unjoined thread and a blocked one forks; argv[1] says how.
 *   fork          the child, by fork, makes an unjoined thread and a blocked one of its own:
 *                 1 unjoined of 3, and 2 threads that it did not inherit
 *   _Fork         the child, by _Fork, which calls no handlers, makes none: its registry is its parent's,
 *                 so that it cannot be told
 *   clone         the same, by clone with no signal at its end
 *   _Fork-create  the child, by _Fork, makes threads as that of fork does, and then has a registry of its own
 */
#include "scenario.h"

#include <sys/syscall.h>
#include <sys/wait.h>

static void *finish(void *name)
{
    name_me(name);
    return name;
}

static void *stay(void *name)
{
    name_me(name);
    block();
    return name;
}

static void make_threads(char *unjoined, char *blocked)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, finish, unjoined) == 0);
    must(pthread_create(&thread, NULL, stay, blocked) == 0);
    await_arrivals(1);
    await_tasks(2);
}

int main(int argc, char **argv)
{
    static char of_parent[2][16] = {"parent-unjoined", "parent-blocked"};
    static char of_child[2][16] = {"child-unjoined", "child-blocked"};
    must(argc == 2);
    int clones = strcmp(argv[1], "clone") == 0, creates = !clones && strcmp(argv[1], "_Fork") != 0;
    make_threads(of_parent[0], of_parent[1]);
    pid_t child = clones                         ? (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL)
                  : strcmp(argv[1], "fork") == 0 ? fork()
                                                 : _Fork();
    must(child >= 0);
    if (child == 0) {
        if (creates)
            make_threads(of_child[0], of_child[1]);
        printf("%d\n", (int)getpid());
        be_looked_at(creates ? 2 : 1);
    }
    must(waitpid(child, NULL, __WALL) == child);
    printf("child ended\n");
    be_looked_at(2);
}
