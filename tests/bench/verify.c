/* SPDX-License-Identifier: MIT
 *
 * What checks cost. verify clean|expected|failing|latency N prints figures, one a line: what, and a number.
 *   clean     N threads were created and joined: ns of a scope with its check, and of a check of the process
 *   expected  N threads are alive and marked: ns of a check of the process
 *   failing   N threads leak: ms of the check, with the report that goes to stderr; checks of 1 ms to settle
 * first latency   us from the last act of a thread to the return of the check that waits for it, N times
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "threadleak.h"

static sem_t sem;
static double ended;

static double now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void *returns(void *arg)
{
    return arg;
}

static void *is_daemon(void *arg)
{
    threadleak_mark_daemon("of the benchmark");
    sem_post(&sem);
    pause();
    return arg;
}

static void *ends_later(void *arg)
{
    usleep(100000);
    ended = now(CLOCK_MONOTONIC);
    return arg;
}

static void create(void *(*start)(void *), int detached)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    pthread_attr_setdetachstate(&attributes, detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
    if (pthread_create(&thread, &attributes, start, NULL))
        abort();
    pthread_attr_destroy(&attributes);
}

static void check(int result, int expected)
{
    if (result != expected) {
        fprintf(stderr, "verify: a check said %d instead of %d\n", result, expected);
        exit(1);
    }
}

static void clean(int count)
{
    enum { SCOPES = 1000000, CHECKS = 100000 };
    for (int i = 0; i < count; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, returns, NULL);
        pthread_join(thread, NULL);
    }
    check(threadleak_verify_none(NULL), 0);
    double begin = now(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < SCOPES; i++)
        threadleak_scope_close(threadleak_scope_begin(""));
    double closed = now(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < SCOPES; i++)
        check(threadleak_scope_end(threadleak_scope_begin(""), NULL), 0);
    double checked = now(CLOCK_THREAD_CPUTIME_ID);
    printf("scope %.1f\n", (closed - begin) / SCOPES);
    printf("check %.1f\n", (checked - closed - (closed - begin)) / SCOPES);
    begin = now(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < CHECKS; i++)
        check(threadleak_verify_none(NULL), 0);
    printf("process %.1f\n", (now(CLOCK_THREAD_CPUTIME_ID) - begin) / CHECKS);
}

static void expected(int count)
{
    enum { CHECKS = 10000 };
    for (int i = 0; i < count; i++) {
        create(is_daemon, 0);
        sem_wait(&sem);
    }
    double begin = now(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < CHECKS; i++)
        check(threadleak_verify_none(NULL), 0);
    printf("process %.1f\n", (now(CLOCK_THREAD_CPUTIME_ID) - begin) / CHECKS);
    fflush(stdout);
    _exit(0);
}

static double ms(struct timeval time)
{
    return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3;
}

static void failing(int count)
{
    struct rusage usage;
    struct threadleak_options how = THREADLEAK_OPTIONS_INIT;
    for (int i = 0; i < count; i++)
        create(returns, 0);
    usleep(100000);
    how.settle_ms = 0;
    double begin = now(CLOCK_MONOTONIC);
    check(threadleak_verify_none(&how), count);
    printf("failing %.1f\n", (now(CLOCK_MONOTONIC) - begin) / 1e6);
    getrusage(RUSAGE_CHILDREN, &usage); /* of the engine, which nobody but us has waited for */
    printf("engine %.1f\n", ms(usage.ru_utime) + ms(usage.ru_stime));
}

static void latency(int count)
{
    struct threadleak_options how = THREADLEAK_OPTIONS_INIT;
    how.settle_ms = 10000;
    for (int i = 0; i < count; i++) {
        create(ends_later, 1);
        check(threadleak_verify_none(&how), 0);
        printf("latency %.1f\n", (now(CLOCK_MONOTONIC) - ended) / 1e3);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(int count);
    } parts[] = {{"clean", clean}, {"expected", expected}, {"failing", failing}, {"latency", latency}};
    sem_init(&sem, 0, 0);
    for (size_t i = 0; argc == 3 && i < sizeof parts / sizeof *parts; i++) {
        if (strcmp(argv[1], parts[i].name) == 0) {
            parts[i].run(atoi(argv[2]));
            return 0;
        }
    }
    return 2;
}
