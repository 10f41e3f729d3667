/* SPDX-License-Identifier: MIT
 *
 * sandboxed HOW: has had a thread, gives up all system calls but what its own end takes, and ends. The kernel
 * kills it for any other one. (newfstatat: what stdio makes of its first output.)
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "scenario.h"

static void confine(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_newfstatat, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog filter = {sizeof rules / sizeof rules[0], rules};
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

static void *finish(void *arg)
{
    return arg;
}

static void *exits(void *arg)
{
    confine();
    exit(0);
    return arg;
}

static void exit_by_thread(void)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, exits, NULL) == 0);
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    pthread_t thread;
    must(argc == 2);
    must(pthread_create(&thread, NULL, finish, NULL) == 0 && pthread_join(thread, NULL) == 0);
    printf("work\n");
    if (strcmp(argv[1], "thread") == 0)
        exit_by_thread();
    confine();
    if (strcmp(argv[1], "quick_exit") == 0)
        quick_exit(0);
    if (strcmp(argv[1], "_exit") == 0)
        _exit(0);
    if (strcmp(argv[1], "getpid") == 0)
        return getpid() == 0;
    return 0;
}
