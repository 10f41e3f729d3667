/* SPDX-License-Identifier: MIT
 *
 * threadleak/cmocka.h - every test of cmocka is checked for threads that it leaves behind. C only. Since
 * 0.3.0.
 *
 *     #include <threadleak/cmocka.h>                                  after <cmocka.h>
 *     return threadleak_cmocka_run_group_tests(tests, NULL, NULL);    instead of cmocka_run_group_tests
 *
 * A test that leaks fails with the first line of the report; cmocka cuts what it prints after a kilobyte, so
 * the report itself goes to stderr. A test with a teardown is checked after that, and so is a test that
 * failed or was skipped: cmocka then calls it an error, since a teardown failed. Threads that the group's
 * setup creates belong to the group, and are checked after the group's teardown.
 */
#ifndef THREADLEAK_CMOCKA_H
#define THREADLEAK_CMOCKA_H

#include "test.h"

/* The group that is running. Its tests, as cmocka is given them, have the original test as their initial
 * state, which is how the setup learns which one it is for; the state that the group's setup makes would take
 * its place (cmocka.c, _cmocka_run_group_tests), and is kept here instead. */
static struct {
    struct threadleak_test group, test;
    const struct CMUnitTest *current;
    void *state; /* that the group's setup made */
    CMFixtureFunction setup, teardown;
    const char *name, *file;
    int line;
    int group_leaked;
} threadleak_cmocka_ __attribute__((unused));

/* As assert_true does: unlike that of fail_msg, its text gets into the XML and TAP of cmocka too. */
static inline void threadleak_cmocka_check_(struct threadleak_test *test)
{
    if (!threadleak_test_end(test, 0))
        return;
    threadleak_cmocka_.group_leaked = test == &threadleak_cmocka_.group;
    _assert_true(0, threadleak_test_headline(test), threadleak_cmocka_.file, threadleak_cmocka_.line);
}

static inline int threadleak_cmocka_test_setup_(void **state)
{
    const struct CMUnitTest *test = (const struct CMUnitTest *)*state;
    threadleak_cmocka_.current = test;
    *state = threadleak_cmocka_.state ? threadleak_cmocka_.state : test->initial_state;
    threadleak_test_begin(&threadleak_cmocka_.test, test->name);
    return test->setup_func ? test->setup_func(state) : 0;
}

static inline void threadleak_cmocka_test_(void **state)
{
    threadleak_cmocka_.current->test_func(state);
    if (!threadleak_cmocka_.current->teardown_func)
        threadleak_cmocka_check_(&threadleak_cmocka_.test);
}

static inline int threadleak_cmocka_test_teardown_(void **state)
{
    CMFixtureFunction teardown = threadleak_cmocka_.current->teardown_func;
    int result = teardown ? teardown(state) : 0;
    threadleak_cmocka_check_(&threadleak_cmocka_.test);
    return result;
}

static inline int threadleak_cmocka_group_setup_(void **state)
{
    int result;
    threadleak_test_begin(&threadleak_cmocka_.group, threadleak_cmocka_.name);
    result = threadleak_cmocka_.setup ? threadleak_cmocka_.setup(state) : 0;
    threadleak_cmocka_.state = *state;
    *state = NULL;
    return result;
}

static inline int threadleak_cmocka_group_teardown_(void **state)
{
    int result;
    *state = threadleak_cmocka_.state;
    result = threadleak_cmocka_.teardown ? threadleak_cmocka_.teardown(state) : 0;
    threadleak_cmocka_check_(&threadleak_cmocka_.group);
    return result;
}

static inline int threadleak_cmocka_run_(const char *name, const struct CMUnitTest *tests,
                                         struct CMUnitTest *wrapped, size_t count, CMFixtureFunction setup,
                                         CMFixtureFunction teardown, const char *file, int line)
{
    size_t i;
    int failed;
    threadleak_cmocka_.name = name;
    threadleak_cmocka_.file = file;
    threadleak_cmocka_.line = line;
    threadleak_cmocka_.state = NULL;
    threadleak_cmocka_.group_leaked = 0;
    threadleak_cmocka_.setup = setup;
    threadleak_cmocka_.teardown = teardown;
    for (i = 0; i < count; i++) {
        wrapped[i] = tests[i];
        if (!tests[i].test_func)
            continue;
        wrapped[i].test_func = threadleak_cmocka_test_;
        wrapped[i].setup_func = threadleak_cmocka_test_setup_;
        wrapped[i].teardown_func = threadleak_cmocka_test_teardown_;
        wrapped[i].initial_state = (void *)&tests[i];
    }
    failed = _cmocka_run_group_tests(name, wrapped, count, threadleak_cmocka_group_setup_,
                                     threadleak_cmocka_group_teardown_);
    /* Of a test whose setup or teardown failed the end is not told. */
    threadleak_test_end(&threadleak_cmocka_.test, 0);
    /* A group whose teardown failed is told, but not counted by cmocka. */
    return failed + threadleak_cmocka_.group_leaked;
}

/* As cmocka_run_group_tests_name and cmocka_run_group_tests; `tests` is an array, as there. */
#define threadleak_cmocka_run_group_tests_name(name, tests, setup, teardown)                                 \
    threadleak_cmocka_run_(                                                                                  \
        name, tests,                                                                                         \
        (struct CMUnitTest[sizeof(tests) / sizeof((tests)[0])]){{NULL, NULL, NULL, NULL, NULL}},             \
        sizeof(tests) / sizeof((tests)[0]), setup, teardown, __FILE__, __LINE__)
#define threadleak_cmocka_run_group_tests(tests, setup, teardown)                                            \
    threadleak_cmocka_run_group_tests_name(#tests, tests, setup, teardown)

#endif
