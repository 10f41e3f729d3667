/* SPDX-License-Identifier: MIT
 *
 * threadleak/criterion.h - every test of Criterion is checked for threads that it leaves behind. Since 0.3.0.
 *
 *     #include <threadleak/criterion.h>     after <criterion/criterion.h> and its other headers; nothing else
 *
 * This covers Test, ParameterizedTest and Theory in the files that include it. A test that leaks fails, with
 * the report as its text. Criterion counts no failure after the end of a test's body; so its `fini`, and that
 * of its suite, are called at that end, and then the check. Where the body failed, they are called as ever,
 * and leaks are reported on stderr. A test that ends its process is not checked; at the exit of that process
 * it is, under `threadleak run` and `at_exit=check`, unless it expects a signal or an exit_code: then that
 * end is what the test is about.
 */
#ifndef THREADLEAK_CRITERION_H
#define THREADLEAK_CRITERION_H

#include "test.h"

#ifndef CR_TEST_TRAMPOLINE_
#error "threadleak/criterion.h: include <criterion/criterion.h> 2.3 or 2.4 before"
#endif

/* Each test has a process of its own, which runs one. */
static struct threadleak_test threadleak_criterion_test_ __attribute__((unused));
static void (*threadleak_criterion_body_)(void) __attribute__((unused));

/* One in the process. */
#ifdef __cplusplus
extern "C" {
#endif
extern int threadleak_criterion_is_armed_;
__attribute__((weak)) int threadleak_criterion_is_armed_ = 0;
#ifdef __cplusplus
}
#endif

/* Criterion's own thread, which each worker has, comes before the test. */
static inline int threadleak_criterion_is_disarmed_(void)
{
    return !threadleak_criterion_is_armed_;
}

static inline int threadleak_criterion_expects_(const struct criterion_test_extra_data *data)
{
    return data && (data->signal || data->exit_code);
}

static inline void threadleak_criterion_fini_(struct criterion_test_extra_data *data)
{
    void (*fini)(void) = data ? data->fini : NULL;
    if (!fini)
        return;
    data->fini = NULL;
    fini();
}

/* After the body, whose failed assertions jump past this. What fails here must not jump: a theory has left
 * the place to jump to in a frame that is gone by now (theories.c, cr_theory_main). */
static inline void threadleak_criterion_check_(void)
{
    const char *why;
    threadleak_criterion_fini_(criterion_current_test->data);
    threadleak_criterion_fini_(criterion_current_suite->data);
    why = threadleak_test_end(&threadleak_criterion_test_, THREADLEAK_QUIET);
    if (why)
        cr_expect_fail("%s", why);
}

static inline void threadleak_criterion_main_(void)
{
    threadleak_criterion_body_();
    threadleak_criterion_check_();
}

/* Criterion calls the body of a parameterized test with its parameter. */
static inline void threadleak_criterion_main_of_(void *parameter)
{
    ((void (*)(void *))threadleak_criterion_body_)(parameter);
    threadleak_criterion_check_();
}

static inline void threadleak_criterion_setup_(void (*body)(void))
{
    char name[sizeof threadleak_criterion_test_.message];
    snprintf(name, sizeof name, "%s::%s", criterion_current_test->category, criterion_current_test->name);
    threadleak_criterion_body_ = body;
    threadleak_criterion_is_armed_ = !threadleak_criterion_expects_(criterion_current_test->data) &&
                                     !threadleak_criterion_expects_(criterion_current_suite->data);
    threadleak_test_begin(&threadleak_criterion_test_, name);
    criterion_internal_test_setup();
}

static inline void threadleak_criterion_run_(void)
{
    criterion_internal_test_main(criterion_current_test->data->param_
                                     ? (void (*)(void))threadleak_criterion_main_of_
                                     : threadleak_criterion_main_);
}

static inline void threadleak_criterion_teardown_(void)
{
    criterion_internal_test_teardown();
    threadleak_test_end(&threadleak_criterion_test_, 0);
}

/* Said by the runner, not by each of its workers, which BoxFort starts with this variable. */
__attribute__((constructor)) static inline void threadleak_criterion_note_(void)
{
    if (getenv("BXFI_MAP")) {
        threadleak_test_noted_ = 1;
        threadleak_disarm_if(threadleak_criterion_is_disarmed_);
    }
    threadleak_test_note();
}

/* The three steps of Criterion's own, with the scope around them. */
#undef CR_TEST_TRAMPOLINE_
#ifdef __cplusplus
#define THREADLEAK_CRITERION_STEP_(stage, call)                                                              \
    try {                                                                                                    \
        call;                                                                                                \
    } catch (const std::exception &e) {                                                                      \
        criterion_test_die(cr_msg_test_##stage##_std_exception, e.what());                                   \
    } catch (...) {                                                                                          \
        criterion_test_die(cr_msg_test_##stage##_other_exception);                                           \
    }
#else
#define THREADLEAK_CRITERION_STEP_(stage, call) call;
#endif
#define CR_TEST_TRAMPOLINE_(Category, Name)                                                                  \
    static inline void CR_IDENTIFIER_(Category, Name, jmp)(void)                                             \
    {                                                                                                        \
        void (*body)(void) = (void (*)(void))CR_IDENTIFIER_(Category, Name, impl);                           \
        THREADLEAK_CRITERION_STEP_(init, threadleak_criterion_setup_(body))                                  \
        THREADLEAK_CRITERION_STEP_(main, threadleak_criterion_run_())                                        \
        THREADLEAK_CRITERION_STEP_(fini, threadleak_criterion_teardown_())                                   \
    }

#endif
