/* SPDX-License-Identifier: MIT
 *
 * The life of a thread as the registry shows it: created, named, ended in each possible way, joined by each
 * possible call, detached, failed.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "gate.h"

static void *returns(void *arg)
{
    return arg;
}

static void *exits(void *arg)
{
    pthread_exit(arg);
}

static void *paused(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static int c11_returns(void *arg)
{
    return arg != NULL;
}

static int c11_exits(void *arg)
{
    thrd_exit(arg != NULL);
}

static void finish(uint64_t id)
{
    AWAIT(view_state(id) & THREADLEAK_STATE_FINISHED);
}

static void what_is_known_of_a_running_thread(void **state)
{
    (void)state;
    pthread_t pthread;
    int arg;
    uint64_t id = create(&pthread, at_gate, &arg);
    AWAIT(view_state(id) & THREADLEAK_STATE_STARTED);
    const struct threadleak_record *record = view_record(id);
    assert_int_equal(record->pthread, (uint64_t)pthread);
    assert_int_equal(record->start, (uintptr_t)at_gate);
    assert_int_equal(record->arg, (uintptr_t)&arg);
    assert_int_equal(record->creator, 1);
    assert_int_not_equal(record->tid, 0);
    assert_int_not_equal(record->created_ns, 0);
    assert_int_not_equal(record->site, 0);
    assert_int_not_equal(record->start_module, 0);
    assert_int_equal(record->state, THREADLEAK_STATE_STARTED);
    sem_post(&gate);
    pthread_join(pthread, NULL);
    assert_null(view_record(id));
}

static void an_end_is_seen_however_it_comes(void **state)
{
    (void)state;
    pthread_t pthread;
    uint64_t id = create(&pthread, returns, NULL);
    finish(id);
    assert_int_equal(view_state(id), THREADLEAK_STATE_STARTED | THREADLEAK_STATE_FINISHED);
    assert_int_not_equal(view_record(id)->finished_ns, 0);
    pthread_join(pthread, NULL);

    id = create(&pthread, exits, NULL);
    finish(id);
    assert_true(view_state(id) & THREADLEAK_STATE_EXITED);
    pthread_join(pthread, NULL);

    void *result;
    id = create(&pthread, paused, NULL);
    pthread_cancel(pthread);
    finish(id);
    pthread_join(pthread, &result);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_int_equal(view_records(), 1);
}

static void c11_threads_are_seen(void **state)
{
    (void)state;
    thrd_t thr;
    int result, arg;
    uint64_t id = view_next_id();
    assert_int_equal(thrd_create(&thr, c11_returns, &arg), thrd_success);
    finish(id);
    assert_true(view_state(id) & THREADLEAK_STATE_C11);
    assert_int_equal(view_record(id)->start, (uintptr_t)c11_returns);
    assert_int_equal(thrd_join(thr, &result), thrd_success);
    assert_int_equal(result, 1);

    id = view_next_id();
    thrd_create(&thr, c11_exits, NULL);
    finish(id);
    assert_true(view_state(id) & THREADLEAK_STATE_EXITED);
    thrd_detach(thr);
    assert_int_equal(view_records(), 1);
}

static struct timespec in_a_millisecond(clockid_t clock)
{
    struct timespec until;
    clock_gettime(clock, &until);
    until.tv_nsec += 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    return until;
}

static void every_join_releases_and_a_failed_one_does_not(void **state)
{
    (void)state;
    pthread_t pthread;
    struct timespec until = in_a_millisecond(CLOCK_REALTIME);
    uint64_t id = create(&pthread, at_gate, NULL);
    assert_int_equal(pthread_tryjoin_np(pthread, NULL), EBUSY);
    assert_int_equal(pthread_timedjoin_np(pthread, NULL, &until), ETIMEDOUT);
    until = in_a_millisecond(CLOCK_MONOTONIC);
    assert_int_equal(pthread_clockjoin_np(pthread, NULL, CLOCK_MONOTONIC, &until), ETIMEDOUT);
    assert_int_equal(view_record(id)->join_begun_ns, 0);
    sem_post(&gate);
    until = in_a_millisecond(CLOCK_REALTIME);
    until.tv_sec += 60;
    assert_int_equal(pthread_timedjoin_np(pthread, NULL, &until), 0);
    assert_null(view_record(id));

    id = create(&pthread, returns, NULL);
    AWAIT(pthread_tryjoin_np(pthread, NULL) == 0);
    assert_null(view_record(id));

    id = create(&pthread, returns, NULL);
    until = in_a_millisecond(CLOCK_MONOTONIC);
    until.tv_sec += 60;
    assert_int_equal(pthread_clockjoin_np(pthread, NULL, CLOCK_MONOTONIC, &until), 0);
    assert_null(view_record(id));
}

static void *joins(void *pthread)
{
    pthread_join(*(pthread_t *)pthread, NULL);
    return NULL;
}

static void a_join_under_way_is_shown_and_a_cancelled_one_hides_nothing(void **state)
{
    (void)state;
    pthread_t pthread, joiner;
    uint64_t id = create(&pthread, at_gate, NULL);
    uint64_t joiner_id = create(&joiner, joins, &pthread);
    AWAIT(view_record(id)->join_begun_ns);
    assert_int_equal(view_record(id)->joiner, joiner_id);
    pthread_cancel(joiner);
    pthread_join(joiner, NULL);
    assert_int_equal(view_record(id)->join_begun_ns, 0);
    sem_post(&gate);
    finish(id);
    assert_non_null(view_record(id));
    pthread_join(pthread, NULL);
    assert_null(view_record(id));
}

static void detached_threads_leave_no_record(void **state)
{
    (void)state;
    pthread_t pthread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    uint64_t id = view_next_id();
    pthread_create(&pthread, &attr, at_gate, NULL);
    assert_true(view_state(id) & THREADLEAK_STATE_BORN_DETACHED);
    sem_post(&gate);
    AWAIT(!view_record(id));

    id = create(&pthread, at_gate, NULL);
    pthread_detach(pthread);
    sem_post(&gate);
    AWAIT(!view_record(id));

    id = create(&pthread, returns, NULL);
    finish(id);
    pthread_detach(pthread);
    assert_null(view_record(id));
}

#define UNBORN 200

/* Under SCHED_FIFO, on one processor, no thread runs its first instruction before its creator waits. */
static struct unborn {
    pthread_t pthread[UNBORN];
    uint64_t id[UNBORN];
    int begun, without_name, not_detached;
} unborn;

static void *speaks_of_the_unborn(void *arg)
{
    for (int i = 0; i < UNBORN; i++) {
        unborn.id[i] = view_next_id();
        if (pthread_create(&unborn.pthread[i], NULL, at_gate, arg))
            return "a creation failed";
    }
    for (int i = 0; i < UNBORN; i++) {
        unborn.begun += (view_state(unborn.id[i]) & THREADLEAK_STATE_STARTED) != 0;
        if (i % 2)
            pthread_detach(unborn.pthread[i]);
    }
    for (int i = 0; i < UNBORN; i++)
        pthread_setname_np(unborn.pthread[i], "early name");
    for (int i = 0; i < UNBORN; i++) {
        bool is_detached = view_state(unborn.id[i]) & THREADLEAK_STATE_DETACHED;
        unborn.without_name += strcmp(view_record(unborn.id[i])->name, "early name") != 0;
        unborn.not_detached += is_detached != i % 2;
    }
    for (int i = 0; i < UNBORN; i++)
        sem_post(&gate);
    for (int i = 0; i < UNBORN; i += 2)
        pthread_join(unborn.pthread[i], NULL);
    return NULL;
}

static void what_is_said_before_the_first_instruction_is_kept(void **state)
{
    (void)state;
    pthread_t pthread;
    pthread_attr_t attr;
    cpu_set_t one;
    struct sched_param first = {.sched_priority = 10};
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    pthread_attr_init(&attr);
    pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
    pthread_attr_setschedparam(&attr, &first);
    pthread_attr_setaffinity_np(&attr, sizeof one, &one);
    uint64_t lost = threadleak_registry.lost_facts;
    if (pthread_create(&pthread, &attr, speaks_of_the_unborn, NULL))
        skip(); /* needs CAP_SYS_NICE */
    void *complaint;
    pthread_join(pthread, &complaint);
    assert_null(complaint);
    print_message("begun before the creator waited: %d of %d\n", unborn.begun, UNBORN);
    assert_int_equal(unborn.without_name, 0);
    assert_int_equal(unborn.not_detached, 0);
    AWAIT(view_records() == 1);
    assert_int_equal(threadleak_registry.lost_facts, lost);
}

static void threads_that_are_gone_at_once_leave_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++) {
        pthread_t pthread;
        create(&pthread, returns, NULL);
        pthread_setname_np(pthread, "soon gone");
        if (i % 2)
            pthread_detach(pthread);
        else
            pthread_join(pthread, NULL);
    }
    AWAIT(view_records() == 1);
}

static void detached_by_default(void **state)
{
    (void)state;
    pthread_t pthread;
    pthread_attr_t attr, before;
    pthread_getattr_default_np(&before);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    assert_int_equal(pthread_setattr_default_np(&attr), 0);
    uint64_t id = create(&pthread, returns, NULL);
    AWAIT(!view_record(id));
    assert_int_equal(pthread_setattr_default_np(&before), 0);
    id = create(&pthread, returns, NULL);
    finish(id);
    assert_int_equal(pthread_join(pthread, NULL), 0);
}

static pthread_key_t late_key;
static pthread_t created_late;
static uint64_t id_of_late, id_in_destructor;
static sem_t in_destructor;

/* The last round: the library has seen the thread's end already. */
static void creates_in_destructor(void *round)
{
    if ((intptr_t)round < PTHREAD_DESTRUCTOR_ITERATIONS) {
        pthread_setspecific(late_key, (void *)((intptr_t)round + 1));
        return;
    }
    sem_post(&in_destructor);
    at_gate(NULL);
    id_in_destructor = create(&created_late, at_gate, NULL);
}

static void *sets_key(void *arg)
{
    pthread_setspecific(late_key, (void *)1);
    return arg;
}

/* Its record is given back, and another thread's, while its destructor still creates threads. */
static void a_destructor_that_creates_threads_after_a_detach(void **state)
{
    (void)state;
    pthread_t pthread;
    sem_init(&in_destructor, 0, 0);
    pthread_key_create(&late_key, creates_in_destructor);
    id_of_late = create(&pthread, sets_key, NULL);
    while (sem_wait(&in_destructor))
        ;
    uint32_t generation = threadleak_registry.fork_generation;
    pthread_detach(pthread);
    pthread_t other;
    uint64_t other_id = create(&other, at_gate, NULL);
    AWAIT(view_state(other_id) & THREADLEAK_STATE_STARTED);
    sem_post(&gate);
    sem_post(&gate);
    AWAIT(id_in_destructor && view_state(id_in_destructor) & THREADLEAK_STATE_STARTED);
    assert_int_equal(threadleak_registry.fork_generation, generation);
    sem_post(&gate);
    pthread_join(other, NULL);
    pthread_join(created_late, NULL);
    pthread_key_delete(late_key);
    AWAIT(view_records() == 1);
}

static void names_follow_the_kernel(void **state)
{
    (void)state;
    pthread_t pthread;
    char before[16] = "";
    prctl(PR_GET_NAME, before);
    prctl(PR_SET_NAME, "a name that is too long");
    assert_string_equal(view_record(1)->name, "a name that is ");
    uint64_t id = create(&pthread, at_gate, NULL);
    assert_string_equal(view_record(id)->name, "a name that is ");
    AWAIT(view_state(id) & THREADLEAK_STATE_STARTED);
    assert_int_equal(pthread_setname_np(pthread, "a name that is too long"), ERANGE);
    assert_int_equal(pthread_setname_np(pthread, "worker"), 0);
    assert_string_equal(view_record(id)->name, "worker");
    prctl(PR_SET_NAME, before);
    sem_post(&gate);
    pthread_join(pthread, NULL);
}

static void a_failed_creation_is_counted_and_leaves_nothing(void **state)
{
    (void)state;
    pthread_t pthread;
    pthread_attr_t attr;
    uint64_t failed = threadleak_registry.failed_creates;
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstacksize(&attr, (size_t)1 << 46), 0);
    assert_int_equal(pthread_create(&pthread, &attr, returns, NULL), EAGAIN);
    assert_int_equal(threadleak_registry.failed_creates, failed + 1);
    assert_int_equal(threadleak_registry.failed_errno, EAGAIN);
    assert_int_equal(view_records(), 1);
}

static const struct threadleak_site *site_of(uint64_t id)
{
    return view_entry(&threadleak_registry.sites, view_record(id)->site);
}

static pthread_t grandchild;
static uint64_t grandchild_id;

static void *creates(void *arg)
{
    grandchild_id = create(&grandchild, at_gate, arg);
    return NULL;
}

static void sites_and_ancestry(void **state)
{
    (void)state;
    pthread_t pthread[3];
    uint64_t id[3];
    for (int i = 0; i < 3; i++)
        id[i] = create(&pthread[i], at_gate, NULL);
    assert_int_equal(view_record(id[0])->site, view_record(id[2])->site);
    assert_int_equal(site_of(id[0])->created, 3);
    for (int i = 0; i < 3; i++)
        sem_post(&gate);
    for (int i = 0; i < 3; i++)
        pthread_join(pthread[i], NULL);

    uint64_t parent = create(&pthread[0], creates, NULL);
    finish(parent);
    uint32_t parent_site = view_record(parent)->site;
    pthread_join(pthread[0], NULL);
    assert_int_equal(view_record(grandchild_id)->creator, parent);
    assert_int_equal(site_of(grandchild_id)->creator_site, parent_site);
    sem_post(&gate);
    pthread_join(grandchild, NULL);
}

static void *churns(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        pthread_t pthread;
        if (pthread_create(&pthread, NULL, returns, arg))
            continue;
        if (i % 3)
            pthread_join(pthread, NULL);
        else
            pthread_detach(pthread);
    }
    return NULL;
}

static void many_creators_at_once_lose_nothing(void **state)
{
    (void)state;
    pthread_t pthread[4];
    for (int i = 0; i < 4; i++)
        create(&pthread[i], churns, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(pthread[i], NULL);
    AWAIT(view_records() == 1);
    assert_int_equal(threadleak_registry.records.dropped, 0);
    assert_int_equal(threadleak_registry.unseen_ends, 0);
}

static void errno_stays(void **state)
{
    (void)state;
    pthread_t pthread;
    errno = 123;
    uint64_t id = create(&pthread, at_gate, NULL);
    AWAIT(view_state(id) & THREADLEAK_STATE_STARTED);
    pthread_setname_np(pthread, "x");
    sem_post(&gate);
    pthread_join(pthread, NULL);
    assert_int_equal(errno, 123);
}

int main(void)
{
    alarm(120);
    sem_init(&gate, 0, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_of_a_running_thread),
        cmocka_unit_test(an_end_is_seen_however_it_comes),
        cmocka_unit_test(c11_threads_are_seen),
        cmocka_unit_test(every_join_releases_and_a_failed_one_does_not),
        cmocka_unit_test(a_join_under_way_is_shown_and_a_cancelled_one_hides_nothing),
        cmocka_unit_test(detached_threads_leave_no_record),
        cmocka_unit_test(what_is_said_before_the_first_instruction_is_kept),
        cmocka_unit_test(threads_that_are_gone_at_once_leave_nothing),
        cmocka_unit_test(detached_by_default),
        cmocka_unit_test(a_destructor_that_creates_threads_after_a_detach),
        cmocka_unit_test(names_follow_the_kernel),
        cmocka_unit_test(a_failed_creation_is_counted_and_leaves_nothing),
        cmocka_unit_test(sites_and_ancestry),
        cmocka_unit_test(many_creators_at_once_lose_nothing),
        cmocka_unit_test(errno_stays),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
