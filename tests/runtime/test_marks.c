/* SPDX-License-Identifier: MIT
 *
 * The count of expected threads under churn: threads are marked while they end, are joined, detached, and
 * their records become other threads'. Linked with the library's own objects, to call what only the engine's
 * answers reach otherwise. And what these objects decide that a machine seldom shows.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "candidates.h"
#include "expected.h"
#include "gate.h"
#include "ptracer.h"
#include "registry.h"
#include "threadleak.h"

#define CREATORS 3
#define MARKERS 2
#define THREADS 3000 /* by each creator */

static uint32_t is_over;
static uint32_t rules[2]; /* without and with THREADLEAK_RULE_UNJOINED */

static void *returns(void *arg)
{
    return arg;
}

static void *creates(void *arg)
{
    for (int i = 0; i < THREADS; i++) {
        pthread_t pthread;
        if (pthread_create(&pthread, NULL, returns, NULL))
            return NULL;
        if (i % 3)
            pthread_join(pthread, NULL);
        else
            pthread_detach(pthread);
    }
    return arg;
}

/* Marks whatever it sees, with ids that may be stale by then. Records 0 to 3 are main's and the creators'. */
static void *marks(void *arg)
{
    uint32_t n = 0;
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        uint64_t used = __atomic_load_n(&threadleak_registry.records.used, __ATOMIC_ACQUIRE);
        for (uint64_t i = 0; i < used; i++) {
            struct threadleak_record *record = view_entry(&threadleak_registry.records, i);
            uint64_t id = __atomic_load_n(&record->id, __ATOMIC_ACQUIRE);
            if (id > 1 + CREATORS + MARKERS)
                record_expect(record, id - n % 2, rules[n / 2 % 2]);
            n++;
        }
    }
    return arg;
}

static void marks_are_counted_exactly_under_churn(void **state)
{
    (void)state;
    pthread_t creators[CREATORS], markers[MARKERS];
    void *result;
    rules[0] = expected_rule("name:* one", 0);
    rules[1] = expected_rule("name:* other", THREADLEAK_RULE_UNJOINED);
    assert_int_not_equal(rules[0], rules[1]);
    for (int i = 0; i < CREATORS; i++)
        create(&creators[i], creates, &is_over);
    for (int i = 0; i < MARKERS; i++)
        create(&markers[i], marks, NULL);
    for (int i = 0; i < CREATORS; i++) {
        pthread_join(creators[i], &result);
        assert_non_null(result);
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < MARKERS; i++)
        pthread_join(markers[i], NULL);
    AWAIT(view_records() == 1); /* the detached ones end */
    assert_int_equal(threadleak_registry.expected, 0);
    assert_int_equal(registry_unexpected(), 0);
    assert_int_equal(threadleak_verify_none(NULL), 0);
}

/* ---- in a signal handler ---------------------------------------------------------------------------- */

static const char rule_of_handler[] = "name:* handler";
static const char rule_of_thread[] = "name:* thread";
static uint32_t interruptions, enters_meanwhile;

static void enters(int signal)
{
    (void)signal;
    if (expected_rule(rule_of_handler, 0) == 0)
        __atomic_fetch_add(&interruptions, 1, __ATOMIC_RELAXED);
}

/* Until the handler has come while this thread was inside. */
static void *enters_until_interrupted(void *arg)
{
    __atomic_store_n(&enters_meanwhile, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&interruptions, __ATOMIC_RELAXED))
        if (!expected_rule(rule_of_thread, 0))
            return NULL;
    return arg;
}

/* Its handler cannot wait for it, and gets no rule. */
static void who_interrupts_the_entering_of_a_rule_gets_none(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = enters};
    pthread_t thread;
    void *result;
    sigaction(SIGUSR1, &action, NULL);
    create(&thread, enters_until_interrupted, &interruptions);
    AWAIT(__atomic_load_n(&enters_meanwhile, __ATOMIC_ACQUIRE));
    AWAIT(pthread_kill(thread, SIGUSR1) || __atomic_load_n(&interruptions, __ATOMIC_RELAXED));
    pthread_join(thread, &result);
    assert_non_null(result);
    uint32_t index = expected_rule(rule_of_handler, 0);
    assert_int_not_equal(index, 0); /* nothing is left locked */
    assert_int_equal(expected_rule(rule_of_handler, 0), index);
}

/* ---- never too few --------------------------------------------------------------------------------- */

static uint64_t relay_ids;

/* Each creates the next one, is marked or not, and ends: at every moment at least one is there. */
static void *relays(void *arg)
{
    static int left = 3000;
    pthread_t next;
    __atomic_fetch_add(&relay_ids, 1, __ATOMIC_RELAXED);
    if (__atomic_sub_fetch(&left, 1, __ATOMIC_RELAXED) == 0) {
        while (sem_wait(&gate))
            ;
        return arg;
    }
    if (pthread_create(&next, NULL, relays, NULL) == 0)
        pthread_detach(next);
    return arg;
}

static void a_thread_is_never_missed_while_it_hands_over(void **state)
{
    (void)state;
    pthread_t first;
    struct selection everything = {.first_id = 1, .self = NULL};
    struct selection later = {.first_id = view_next_id(), .self = NULL};
    assert_int_equal(pthread_create(&first, NULL, relays, NULL), 0);
    pthread_detach(first);
    while (__atomic_load_n(&relay_ids, __ATOMIC_RELAXED) < 3000) {
        assert_false(candidates_none(&everything));
        assert_false(candidates_none(&later));
    }
    sem_post(&gate);
    AWAIT(view_records() == 1);
    assert_true(candidates_none(&everything));
    assert_true(candidates_none(&later));
}

static void yama_restricts_where_its_file_says_one(void **state)
{
    (void)state;
    static const char path[] = "ptrace_scope.test";
    assert_false(ptracer_is_restricted("/nonexistent/ptrace_scope"));
    for (int scope = 0; scope <= 3; scope++) {
        FILE *file = fopen(path, "w");
        fprintf(file, "%d\n", scope);
        fclose(file);
        bool restricts = ptracer_is_restricted(path);
        unlink(path);
        assert_int_equal(restricts, scope == 1);
    }
}

static void the_kernel_counts_what_the_registry_does(void **state)
{
    (void)state;
    pthread_t pthreads[5];
    const struct threadleak_record *main_record = view_entry(&threadleak_registry.records, 0);
    for (int i = 0; i < 5; i++)
        create(&pthreads[i], at_gate, NULL);
    assert_int_equal(candidates_untracked(main_record), 0);
    threadleak_registry.released++; /* as if the registry had never known of one */
    assert_int_equal(candidates_untracked(main_record), 1);
    threadleak_registry.released--;
    for (int i = 0; i < 5; i++)
        sem_post(&gate);
    for (int i = 0; i < 5; i++)
        pthread_join(pthreads[i], NULL);
    assert_int_equal(candidates_untracked(main_record),
                     0); /* although the kernel may still clear them away */
}

int main(void)
{
    sem_init(&gate, 0, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_are_counted_exactly_under_churn),
        cmocka_unit_test(who_interrupts_the_entering_of_a_rule_gets_none),
        cmocka_unit_test(a_thread_is_never_missed_while_it_hands_over),
        cmocka_unit_test(yama_restricts_where_its_file_says_one),
        cmocka_unit_test(the_kernel_counts_what_the_registry_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
