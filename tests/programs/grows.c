/* SPDX-License-Identifier: MIT
 *
 * Makes threads as it is told, a letter each on stdin: u unjoined, a alive, j joined, h and l unjoined by one
 * function that two call, b and c by two calls of it in one line. After each line it says "done", once
 * the kernel has what it should. At the end of stdin it returns from main, with the status that its argument
 * says, 5 if there is none.
 */
#include <stdlib.h>

#include "scenario.h"

static void *finish(void *arg)
{
    return arg;
}

static void *stay(void *arg)
{
    block();
    return arg;
}

__attribute__((noinline)) static void leave_unjoined(void)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, finish, NULL) == 0); /* creates unjoined */
}

__attribute__((noinline)) static void keep_alive(void)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, stay, NULL) == 0); /* creates alive */
    await_arrivals(1);
}

__attribute__((noinline)) static void join(void)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, finish, NULL) == 0); /* creates joined */
    must(pthread_join(thread, NULL) == 0);
}

__attribute__((noinline)) static void spawn(void)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, finish, NULL) == 0); /* spawns */
}

__attribute__((noinline)) static void http_request(void)
{
    spawn();            /* for a request */
    must(getpid() > 0); /* no tail call */
}

__attribute__((noinline)) static void log_rotate(void)
{
    spawn(); /* for the log */
    must(getpid() > 0);
}

__attribute__((noinline)) static void leave_by_one_of_two(int order)
{
    /* clang-format off */
    if (order == 'b') { spawn(); must(getpid() > 0); } else { spawn(); must(getppid() >= 0); } /* two calls */
    /* clang-format on */
}

int main(int argc, char **argv)
{
    int tasks = 1, order;
    say_ready();
    while ((order = getchar()) != EOF) {
        if (order == 'u')
            leave_unjoined();
        else if (order == 'a')
            keep_alive(), tasks++;
        else if (order == 'j')
            join();
        else if (order == 'h')
            http_request();
        else if (order == 'l')
            log_rotate();
        else if (order == 'b' || order == 'c')
            leave_by_one_of_two(order);
        else if (order == '\n') {
            await_tasks(tasks);
            must(puts("done") >= 0 && fflush(stdout) == 0);
        }
    }
    return argc > 1 ? atoi(argv[1]) : 5;
}
