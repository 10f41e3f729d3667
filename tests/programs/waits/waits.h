/* SPDX-License-Identifier: MIT
 *
 * A sample of what a thread can wait for: the thread "subject" waits in subject(), after prepare() on the
 * main thread, whose name is "owner". What has to be said of it is in the line "expect:" of each sample:
 *
 *   kind, confidence, call, flavour, detail, timed, shared  as read/wait.py has them, "_" for a space
 *   object, mutex    name of the variable, "-": none has one; a stripped program's are not known
 *   owner            name of the thread, "gone": it has ended; none given: there is none
 *   fds              of the files
 *   group            of a condition variable, the word of which of its two groups of waiters
 *   names=needed     only a program that keeps its names, or debug information, tells: else it is a futex
 *   found=?          the object may not be found; then the kind alone is told, with confidence medium
 *   running=yes      it is not blocked
 */
#ifndef WAITS_H
#define WAITS_H

#include "../scenario.h"

#include <signal.h>
#include <sys/prctl.h>

static void prepare(void);
static void subject(void);
static void afterwards(void);

__attribute__((unused)) static int others; /* threads that prepare() left behind */

/* What outlives the process, as objects of System V do, is removed by a child once the process is gone. */
__attribute__((unused)) static void remove_at_end(void (*remove)(void))
{
    sigset_t set;
    int number;
    pid_t parent = getpid();
    if (fork() != 0)
        return;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent)
        sigwait(&set, &number);
    remove();
    _exit(0);
}

static void *run_subject(void *argument)
{
    name_me("subject");
    for (;;)
        subject(); /* a debugger's stop ends some calls early */
    return argument;
}

#ifndef AFTERWARDS
static void afterwards(void)
{
}
#endif

int main(void)
{
    pthread_t thread;
    name_me("owner");
    prepare();
    must(pthread_create(&thread, NULL, run_subject, NULL) == 0);
    afterwards();
#ifdef SPINS
    await_arrivals(1); /* the subject's, just before it spins */
    say_ready();
    for (;;)
        pause();
#else
    be_looked_at(2 + others);
#endif
}

#endif
