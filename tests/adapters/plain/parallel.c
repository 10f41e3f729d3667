/* SPDX-License-Identifier: MIT
 *
 * No framework: four tests, two at a time on two threads, in step, so that they truly overlap. Those that
 * leak are named for it. Output in TAP.
 */
#include <stdbool.h>

#include <threadleak/test.h>

#include "../threads.h"

static pthread_barrier_t step;

static pthread_t started_by_both(void)
{
    pthread_barrier_wait(&step);
    pthread_t thread = start(finish_at_once);
    pthread_barrier_wait(&step);
    return thread;
}

static void joins(void)
{
    join(started_by_both());
}

static void leaves_unjoined(void)
{
    started_by_both();
}

static void leaves_alive(void)
{
    join(started_by_both());
    leave_alive();
}

struct test {
    const char *name;
    void (*run)(void);
    bool failed;
};

/* A row for each thread. */
static struct test tests[2][2] = {
    {{"joins_beside_unjoined", joins, false}, {"leaves_alive", leaves_alive, false}},
    {{"leaves_unjoined", leaves_unjoined, false}, {"joins_beside_alive", joins, false}},
};

static void *run_row(void *row)
{
    struct test *test = row;
    for (int i = 0; i < 2; i++, test++) {
        struct threadleak_test check = THREADLEAK_TEST_INIT;
        threadleak_test_begin(&check, test->name);
        test->run();
        const char *why = threadleak_test_end(&check, THREADLEAK_QUIET);
        test->failed = why != NULL;
        printf("%sok - %s\n%s%s", why ? "not " : "", test->name, why ? why : "", why ? "\n" : "");
        pthread_barrier_wait(&step);
    }
    return NULL;
}

int main(void)
{
    pthread_t other;
    bool failed = false;
    threadleak_test_note();
    setvbuf(stdout, NULL, _IOLBF, 0);
    pthread_barrier_init(&step, NULL, 2);
    if (pthread_create(&other, NULL, run_row, tests[1]) != 0)
        abort();
    run_row(tests[0]);
    join(other);
    for (int i = 0; i < 4; i++)
        failed |= tests[i / 2][i % 2].failed;
    return failed;
}
