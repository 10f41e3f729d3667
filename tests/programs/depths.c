/* SPDX-License-Identifier: MIT
 *
 * Stacks that need more than the stack pointer and the program counter: threads that run in user space, one
 * in a frame of variable size (which the frame pointer finds), one in plain frames, one in a signal handler,
 * and one that is blocked below a frame of variable size. Nothing leaks.
 */
#include "scenario.h"

#include <signal.h>

static volatile int go_on = 1;
static volatile size_t size = 100;

__attribute__((noinline)) static void spin(void)
{
    arrive();
    while (go_on)
        ;
}

__attribute__((noinline)) static void in_plain_frames(int depth)
{
    if (depth)
        in_plain_frames(depth - 1);
    else
        spin();
    __asm__ volatile("");
}

__attribute__((noinline)) static void in_variable_frame(void (*call)(void))
{
    char room[size];
    __asm__ volatile("" : : "r"(room) : "memory");
    call();
    __asm__ volatile("" : : "r"(room) : "memory");
}

static void handle(int signal)
{
    (void)signal;
    spin();
}

static void *plain(void *arg)
{
    name_me("plain");
    in_plain_frames(5);
    return arg;
}

static void *variable(void *arg)
{
    name_me("variable");
    in_variable_frame(spin);
    return arg;
}

static void raise_it(void)
{
    raise(SIGUSR1);
    __asm__ volatile("");
}

static void *handler(void *arg)
{
    name_me("handler");
    in_variable_frame(raise_it);
    return arg;
}

static void *blocked(void *arg)
{
    name_me("blocked");
    in_variable_frame(block);
    return arg;
}

int main(void)
{
    static void *(*const starts[])(void *) = {plain, variable, handler, blocked};
    must(signal(SIGUSR1, handle) != SIG_ERR);
    for (int i = 0; i < 4; i++) {
        pthread_t thread;
        must(pthread_create(&thread, NULL, starts[i], NULL) == 0);
    }
    await_arrivals(4);
    say_ready();
    for (;;)
        pause();
}
