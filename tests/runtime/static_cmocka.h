/* SPDX-License-Identifier: MIT
 *
 * static_cmocka.h - of cmocka what test_capture.c uses, for static programs: Debian has no static cmocka. The
 * first failure ends the program.
 */
#ifndef STATIC_CMOCKA_H
#define STATIC_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(function)                                                                           \
    {                                                                                                        \
#function, function                                                                                  \
    }
#define cmocka_run_group_tests(tests, set_up, tear_down) run_tests(tests, sizeof(tests) / sizeof((tests)[0]))

#define print_message(...) printf(__VA_ARGS__)
#define print_error(...) fprintf(stderr, __VA_ARGS__)
#define fail_msg(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(1))
#define assert_true(condition)                                                                               \
    ((condition) ? (void)0 : (void)fail_msg("%s:%d: %s", __FILE__, __LINE__, #condition))
#define assert_int_equal(a, b) assert_true((a) == (b))
#define assert_ptr_not_equal(a, b) assert_true((a) != (b))
#define assert_in_range(value, low, high) assert_true((value) >= (low) && (value) <= (high))

static inline int run_tests(const struct CMUnitTest *tests, unsigned long count)
{
    for (unsigned long i = 0; i < count; i++) {
        printf("%s\n", tests[i].name);
        tests[i].run(NULL);
    }
    return 0;
}

#endif
