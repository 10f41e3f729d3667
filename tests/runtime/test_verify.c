/* SPDX-License-Identifier: MIT
 *
 * Checks: what they return for which threads, what they do without an engine, when they start one, how they
 * wait, and what marks save. A script stands in for the engine.
 */
#include <errno.h>

#include "fake_engine.h"

#define ASSERT_CLEAN_WITHOUT_ENGINE(call)                                                                    \
    do {                                                                                                     \
        engine_is_to("classified 1\\n", "leaked 9\\n");                                                      \
        assert_int_equal(call, 0);                                                                           \
        assert_int_equal(engine_lines("started"), 0);                                                        \
    } while (0)

static void nothing_is_leaked_where_nothing_is_left(void **state)
{
    (void)state;
    pthread_t pthread;
    struct threadleak_options how = settling(HOUR_MS);
    threadleak_checkpoint_t checkpoint = threadleak_checkpoint();
    assert_int_not_equal(checkpoint, 0);
    struct threadleak_options quiet = THREADLEAK_OPTIONS_INIT;
    quiet.flags = THREADLEAK_QUIET;
    assert_int_equal(threadleak_verify_since(checkpoint + 1000, &quiet), THREADLEAK_CANNOT_TELL);
    ASSERT_CLEAN_WITHOUT_ENGINE(threadleak_verify_none(&how));
    threadleak_scope_t scope = threadleak_scope_begin("test");
    create(&pthread, at_gate, NULL);
    let_go(pthread);
    ASSERT_CLEAN_WITHOUT_ENGINE(threadleak_scope_end(scope, &how));
    ASSERT_CLEAN_WITHOUT_ENGINE(threadleak_verify_since(checkpoint, NULL));
    ASSERT_CLEAN_WITHOUT_ENGINE(threadleak_verify_none(NULL));
}

/* What is neither printed nor given to the caller is not. */
static void a_thread_in_a_report_is_marked_as_reported(void **state)
{
    (void)state;
    pthread_t pthread;
    char answer[64];
    threadleak_checkpoint_t checkpoint = threadleak_checkpoint();
    uint64_t id = create_finished(&pthread);
    snprintf(answer, sizeof answer, "reported %llu-%llu\\nleaked 1\\n", (unsigned long long)id,
             (unsigned long long)id);
    struct threadleak_options how = THREADLEAK_OPTIONS_INIT;
    how.settle_ms = 0;
    how.flags = THREADLEAK_QUIET;
    engine_is_to("classified 1\\n", answer);
    assert_int_equal(threadleak_verify_since(checkpoint, &how), 1);
    assert_false(view_state(id) & THREADLEAK_STATE_REPORTED);
    how = settling(0);
    how.flags = THREADLEAK_QUIET;
    engine_is_to("classified 1\\n", answer);
    assert_int_equal(threadleak_verify_since(checkpoint, &how), 1);
    assert_true(view_state(id) & THREADLEAK_STATE_REPORTED);
    pthread_join(pthread, NULL);
    uint64_t next = create_finished(&pthread); /* in the same record */
    assert_false(view_state(next) & THREADLEAK_STATE_REPORTED);
    pthread_join(pthread, NULL);
}

static void an_unjoined_thread_is_reported_by_the_engine(void **state)
{
    (void)state;
    pthread_t pthread;
    struct threadleak_options how = settling(0);
    threadleak_scope_t scope = threadleak_scope_begin("Suite.leaks one");
    uint64_t id = create_finished(&pthread);
    engine_is_to("classified 1\\n", "message first\\\\\\\\line\\nmessage second\\\\nthird\\nleaked 1\\n");
    errno = 4711;
    assert_int_equal(threadleak_scope_end(scope, &how), 1);
    assert_int_equal(errno, 4711);
    assert_string_equal(check_message, "first\\line\nsecond\nthird");
    assert_int_equal(engine_lines("started verify protocol=1 pid="), 1);
    assert_non_null(strstr(engine_line, " what=scope:"));
    assert_non_null(strstr(engine_line, " title=Suite.leaks one ask=3 answer=4 flags=0 format=text "));
    assert_int_equal(engine_lines("heard report"), 1);
    assert_false(view_state(id) & THREADLEAK_STATE_REPORTED);
    engine_is_to("classified 1\\n", "leaked 1\\n");
    how = settling(0);
    how.rules = "name:x some reason";
    assert_int_equal(threadleak_verify_since(id, &how), 1);
    char what[40];
    snprintf(what, sizeof what, " what=since:%llu title=process ", (unsigned long long)id);
    assert_int_equal(engine_lines("started"), 1);
    assert_non_null(strstr(engine_line, what));
    assert_non_null(strstr(engine_line, " ruletext=name:x some reason"));
    assert_null(strstr(engine_line, "expect="));
    pthread_join(pthread, NULL);
}

static void what_came_before_a_checkpoint_is_not_checked(void **state)
{
    (void)state;
    pthread_t old, new;
    create_finished(&old);
    threadleak_checkpoint_t checkpoint = threadleak_checkpoint();
    ASSERT_CLEAN_WITHOUT_ENGINE(threadleak_verify_since(checkpoint, NULL));
    create_finished(&new);
    struct threadleak_options how = settling(0);
    engine_is_to("classified 1\\n", "leaked 1\\n");
    assert_int_equal(threadleak_verify_since(checkpoint, &how), 1);
    pthread_join(new, NULL);
    ASSERT_CLEAN_WITHOUT_ENGINE(threadleak_verify_since(checkpoint, NULL));
    pthread_join(old, NULL);
}

static void *begins_and_checks(void *arg)
{
    threadleak_scope_t scope = threadleak_scope_begin("on a thread");
    pthread_t pthread;
    struct threadleak_options how = settling(HOUR_MS);
    create(&pthread, at_gate, NULL);
    let_go(pthread);
    *(int *)arg = threadleak_scope_end(scope, &how) + threadleak_verify_none(&how);
    return NULL;
}

static void neither_the_calling_thread_nor_main_counts(void **state)
{
    (void)state;
    pthread_t pthread;
    int result = -5;
    engine_is_to("classified 1\\n", "leaked 9\\n");
    create(&pthread, begins_and_checks, &result);
    pthread_join(pthread, NULL);
    assert_int_equal(result, 0);
    assert_int_equal(engine_lines("started"), 0);
}

static void threads_of_inner_scopes_count_and_of_other_scopes_do_not(void **state)
{
    (void)state;
    pthread_t other, inner;
    threadleak_scope_t elsewhere = threadleak_scope_begin("elsewhere");
    create(&other, at_gate, NULL);
    threadleak_scope_close(elsewhere);
    threadleak_scope_t outside = threadleak_scope_begin("outer");
    threadleak_scope_t inside = threadleak_scope_begin("inner");
    ASSERT_CLEAN_WITHOUT_ENGINE(threadleak_scope_end(threadleak_scope_begin("innermost"), NULL));
    create_finished(&inner);
    threadleak_scope_close(inside);
    struct threadleak_options how = settling(0);
    engine_is_to("classified 1\\n", "leaked 1\\n");
    assert_int_equal(threadleak_scope_end(outside, &how), 1);
    pthread_join(inner, NULL);
    let_go(other);
}

static void of_a_scope_that_is_none_it_cannot_be_told(void **state)
{
    (void)state;
    struct threadleak_options how = settling(0);
    assert_int_equal(threadleak_scope_end(0, &how), THREADLEAK_CANNOT_TELL);
    assert_string_equal(check_message, "cannot tell whether threads leaked: no scope was begun");
    threadleak_scope_t scope = threadleak_scope_begin("ends twice");
    assert_int_equal(threadleak_scope_end(scope, &how), 0);
    assert_int_equal(threadleak_scope_end(scope, &how), THREADLEAK_CANNOT_TELL);
    assert_string_equal(check_message, "cannot tell whether threads leaked: the scope has ended already");
    how.room = 12;
    assert_int_equal(threadleak_scope_end(scope, &how), THREADLEAK_CANNOT_TELL);
    assert_string_equal(check_message, "cannot tell");
}

static void a_pool_adopts_and_is_unscoped(void **state)
{
    (void)state;
    pthread_t pool, task;
    threadleak_scope_t scope = threadleak_scope_begin("test");
    threadleak_scope_t before = threadleak_unscoped();
    create(&pool, at_gate, NULL); /* stays, of no scope */
    assert_int_equal(threadleak_adopt(before), 0);
    threadleak_adopt(0);
    assert_int_equal(threadleak_adopt(scope), 0);
    create_finished(&task);
    struct threadleak_options how = settling(0);
    engine_is_to("classified 1\\n", "leaked 1\\n");
    assert_int_equal(threadleak_scope_end(scope, &how), 1);
    pthread_join(task, NULL);
    let_go(pool);
}

/* ---- waiting ----------------------------------------------------------------------------------------*/

static void *lets_go_once_the_engine_has_spoken(void *arg)
{
    AWAIT(engine_lines("said") == 1);
    if (arg)
        pthread_join(*(pthread_t *)arg, NULL);
    else
        sem_post(&gate);
    return NULL;
}

static void a_check_ends_when_the_last_thread_is_gone(void **state)
{
    (void)state;
    pthread_t helper, leaves, finished;
    struct threadleak_options how = settling(HOUR_MS);
    engine_is_to("classified 1\\n", "leaked 9\\n");
    create(&helper, lets_go_once_the_engine_has_spoken, NULL);
    threadleak_scope_t scope = threadleak_scope_begin("detached");
    create(&leaves, at_gate, NULL);
    pthread_detach(leaves);
    assert_int_equal(threadleak_scope_end(scope, &how), 0);
    pthread_join(helper, NULL);
    assert_int_equal(engine_lines("started"), 1);
    assert_int_equal(engine_lines("heard"), 0);

    engine_is_to("classified 1\\n", "leaked 9\\n");
    create(&helper, lets_go_once_the_engine_has_spoken, &finished);
    scope = threadleak_scope_begin("joined by another");
    create_finished(&finished);
    assert_int_equal(threadleak_scope_end(scope, &how), 0);
    pthread_join(helper, NULL);
    assert_int_equal(engine_lines("heard"), 0);
}

static void a_check_does_not_wait_where_all_is_expected(void **state)
{
    (void)state;
    pthread_t pthread;
    struct threadleak_options how = settling(HOUR_MS);
    create(&pthread, at_gate, NULL);
    engine_is_to("classified 0\\n", "leaked 0\\n"); /* by a rule that marks nothing */
    assert_int_equal(threadleak_verify_none(&how), 0);
    assert_int_equal(engine_lines("heard report"), 1);
    let_go(pthread);
}

struct parallel {
    bool leaks;
    int result;
    pthread_barrier_t *together;
    sem_t own_gate;
};

static void *at_own_gate(void *own)
{
    sem_wait(own);
    return NULL;
}

static void let_go_own(struct parallel *test, pthread_t pthread)
{
    sem_post(&test->own_gate);
    pthread_join(pthread, NULL);
}

static void *has_a_test(void *arg)
{
    struct parallel *test = arg;
    pthread_t pthread;
    threadleak_scope_t scope = threadleak_scope_begin(test->leaks ? "leaks" : "does not");
    sem_init(&test->own_gate, 0, 0);
    create(&pthread, at_own_gate, &test->own_gate);
    if (!test->leaks)
        let_go_own(test, pthread);
    pthread_barrier_wait(test->together);
    struct threadleak_options how = settling(0);
    how.message = NULL;
    test->result = threadleak_scope_end(scope, &how);
    if (test->leaks)
        let_go_own(test, pthread);
    return NULL;
}

static void of_parallel_tests_the_one_that_leaks_fails(void **state)
{
    (void)state;
    pthread_t pthreads[4];
    pthread_barrier_t together;
    struct parallel tests[4];
    engine_is_to("classified 1\\n", "leaked 1\\n");
    for (int leaking = 0; leaking < 4; leaking++) {
        pthread_barrier_init(&together, NULL, 4);
        for (int i = 0; i < 4; i++) {
            tests[i] = (struct parallel){.leaks = i == leaking, .result = -5, .together = &together};
            create(&pthreads[i], has_a_test, &tests[i]);
        }
        for (int i = 0; i < 4; i++)
            pthread_join(pthreads[i], NULL);
        for (int i = 0; i < 4; i++)
            assert_int_equal(tests[i].result, i == leaking);
        pthread_barrier_destroy(&together);
    }
    assert_int_equal(engine_lines("started"), 4);
}

static void parallel_checks_take_turns_with_the_engine(void **state)
{
    (void)state;
    pthread_t pthreads[4];
    pthread_barrier_t together;
    struct parallel tests[4];
    engine_is_to("classified 1\\n", "leaked 1\\n");
    pthread_barrier_init(&together, NULL, 1);
    for (int i = 0; i < 4; i++) {
        tests[i] = (struct parallel){.leaks = true, .result = -5, .together = &together};
        create(&pthreads[i], has_a_test, &tests[i]);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(pthreads[i], NULL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(tests[i].result, 1);
    assert_int_equal(engine_lines("started"), 4);
    pthread_barrier_destroy(&together);
}

/* ---- what is expected -------------------------------------------------------------------------------*/

static uint64_t view_expected(void)
{
    return __atomic_load_n(&threadleak_registry.expected, __ATOMIC_SEQ_CST);
}

static void marks_of_the_engine_are_kept_and_save_its_next_start(void **state)
{
    (void)state;
    pthread_t one, two;
    char says[200];
    struct threadleak_options how = settling(HOUR_MS);
    uint64_t first = create(&one, at_gate, NULL);
    uint64_t second = create(&two, at_gate, NULL);
    snprintf(says, sizeof says,
             "rule 1 0 name:a the \\\\\\\\ reason\\nrule 2 1 name:b other\\nexpected %d 1\\nexpected %d 2\\n"
             "classified 0\\n",
             (int)first, (int)second);
    engine_is_to(says, "leaked 9\\n");
    assert_int_equal(threadleak_verify_none(&how), 0);
    assert_int_equal(engine_lines("started"), 1);
    assert_int_equal(engine_lines("heard"), 0);
    ASSERT_CLEAN_WITHOUT_ENGINE(threadleak_verify_none(&how));
    assert_int_equal(view_expected(), 2);
    const struct threadleak_rule *rule = view_entry(&threadleak_registry.rules, view_record(first)->expected);
    assert_string_equal(rule->text, "name:a the \\ reason");

    /* the first rule is not for unjoined threads, the second is */
    sem_post(&gate);
    sem_post(&gate);
    AWAIT(view_state(first) & THREADLEAK_STATE_FINISHED && view_state(second) & THREADLEAK_STATE_FINISHED &&
          view_expected() == 1);
    pthread_join(two, NULL);
    assert_int_equal(view_expected(), 0);
    how = settling(0);
    engine_is_to("classified 1\\n", "leaked 1\\n");
    assert_int_equal(threadleak_verify_none(&how), 1);
    pthread_join(one, NULL);
    assert_int_equal(view_records(), 1);
}

static void *waits_at_gate(void *arg)
{
    return at_gate(arg);
}

static uint64_t create_pool_thread(pthread_t *pthread, void *(*start)(void *))
{
    return create(pthread, start, NULL);
}

static void what_a_marked_site_creates_is_expected_at_once(void **state)
{
    (void)state;
    pthread_t pthreads[4];
    char says[128];
    struct threadleak_options how = settling(HOUR_MS);
    for (int i = 0; i < 4; i++) {
        /* the last one is created at the same place, and begins elsewhere: the mark does not speak of it */
        bool is_other = i == 3;
        threadleak_scope_t scope = threadleak_scope_begin("uses a pool");
        uint64_t id = create_pool_thread(&pthreads[i], is_other ? waits_at_gate : at_gate);
        snprintf(says, sizeof says,
                 "rule 7 0 site:create_pool_thread ours\\nsite %d 7 %llu\\nclassified 0\\n",
                 (int)view_record(id)->site, (unsigned long long)(uintptr_t)at_gate);
        engine_is_to(is_other ? "classified 1\\n" : says, is_other ? "leaked 1\\n" : "leaked 9\\n");
        how.settle_ms = is_other ? 0 : HOUR_MS;
        assert_int_equal(threadleak_scope_end(scope, &how), is_other);
        assert_int_equal(engine_lines("started"), i == 0 || is_other);
        assert_int_equal(view_expected(), is_other ? i : i + 1);
    }
    for (int i = 0; i < 4; i++)
        sem_post(&gate);
    for (int i = 0; i < 4; i++)
        pthread_join(pthreads[i], NULL);
    assert_int_equal(view_expected(), 0);
}

static void *is_daemon(void *arg)
{
    threadleak_mark_daemon("it serves the others");
    sem_post(arg);
    return at_gate(arg);
}

static void a_daemon_is_expected_while_it_lives(void **state)
{
    (void)state;
    pthread_t pthread;
    sem_t marked;
    sem_init(&marked, 0, 0);
    threadleak_scope_t scope = threadleak_scope_begin("with a daemon");
    uint64_t id = create(&pthread, is_daemon, &marked);
    sem_wait(&marked);
    struct threadleak_options how = settling(HOUR_MS);
    ASSERT_CLEAN_WITHOUT_ENGINE(threadleak_verify_none(&how));
    ASSERT_CLEAN_WITHOUT_ENGINE(threadleak_scope_end(scope, &how));
    const struct threadleak_rule *rule = view_entry(&threadleak_registry.rules, view_record(id)->expected);
    assert_string_equal(rule->text, "daemon: it serves the others");
    sem_post(&gate);
    AWAIT(view_state(id) & THREADLEAK_STATE_FINISHED);
    how = settling(0);
    engine_is_to("classified 1\\n", "leaked 1\\n");
    assert_int_equal(threadleak_verify_none(&how), 1);
    pthread_join(pthread, NULL);
    threadleak_mark_daemon("main never counts");
    ASSERT_CLEAN_WITHOUT_ENGINE(threadleak_verify_none(&how));
}

static void detached_threads_can_be_allowed(void **state)
{
    (void)state;
    pthread_t pthread;
    struct threadleak_options how = settling(HOUR_MS);
    uint64_t id = create(&pthread, at_gate, NULL);
    pthread_detach(pthread);
    how.flags = THREADLEAK_ALLOW_DETACHED;
    ASSERT_CLEAN_WITHOUT_ENGINE(threadleak_verify_none(&how));
    how = settling(0);
    engine_is_to("classified 1\\n", "leaked 1\\n");
    assert_int_equal(threadleak_verify_none(&how), 1);
    sem_post(&gate);
    AWAIT(!view_record(id));
}

static void announced_leaks_are_what_is_expected(void **state)
{
    (void)state;
    pthread_t pthread;
    struct threadleak_options how = settling(0);
    threadleak_scope_t scope = threadleak_scope_begin("announces");
    threadleak_expect(1);
    create_finished(&pthread);
    engine_is_to("classified 1\\n", "leaked 0\\n");
    assert_int_equal(threadleak_scope_end(scope, &how), 0);
    assert_int_equal(engine_lines("started"), 1);
    assert_non_null(strstr(engine_line, " expect=1"));
    pthread_join(pthread, NULL);

    scope = threadleak_scope_begin("announces too many");
    threadleak_expect(2);
    assert_int_equal(threadleak_scope_end(scope, &how), 2);
    assert_string_equal(check_message, "expected 2 leaked threads, found 0");
    threadleak_expect(3); /* in no scope: for the next check of this thread, and no other */
    assert_int_equal(threadleak_verify_none(&how), 3);
    assert_int_equal(threadleak_verify_none(&how), 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    engine_begin(argv, "");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_leaked_where_nothing_is_left),
        cmocka_unit_test(an_unjoined_thread_is_reported_by_the_engine),
        cmocka_unit_test(a_thread_in_a_report_is_marked_as_reported),
        cmocka_unit_test(what_came_before_a_checkpoint_is_not_checked),
        cmocka_unit_test(neither_the_calling_thread_nor_main_counts),
        cmocka_unit_test(threads_of_inner_scopes_count_and_of_other_scopes_do_not),
        cmocka_unit_test(of_a_scope_that_is_none_it_cannot_be_told),
        cmocka_unit_test(a_pool_adopts_and_is_unscoped),
        cmocka_unit_test(a_check_ends_when_the_last_thread_is_gone),
        cmocka_unit_test(a_check_does_not_wait_where_all_is_expected),
        cmocka_unit_test(of_parallel_tests_the_one_that_leaks_fails),
        cmocka_unit_test(parallel_checks_take_turns_with_the_engine),
        cmocka_unit_test(marks_of_the_engine_are_kept_and_save_its_next_start),
        cmocka_unit_test(what_a_marked_site_creates_is_expected_at_once),
        cmocka_unit_test(a_daemon_is_expected_while_it_lives),
        cmocka_unit_test(detached_threads_can_be_allowed),
        cmocka_unit_test(announced_leaks_are_what_is_expected),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    engine_end();
    return failed;
}
