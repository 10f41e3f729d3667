/* SPDX-License-Identifier: MIT
 *
 * The ring of events as a reader finds it: every kind of event; what is overwritten is known; of many writers
 * no event is lost, and none is taken into which two wrote; a fork child begins anew.
 */
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "gate.h"
#include "play.h"
#include "threadleak.h"

#define WRITERS 4
#define THREADS_EACH 500
#define NAMES_EACH 20000

/* In a process that plays a part: its exit status is the number of the line that failed. */
#define CHECK(condition)                                                                                     \
    do                                                                                                       \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                          \
            _exit(1);                                                                                        \
        }                                                                                                    \
    while (0)

static struct threadleak_events *ring(void)
{
    return (struct threadleak_events *)(uintptr_t)threadleak_registry.events;
}

static uint64_t next(void)
{
    return __atomic_load_n(&ring()->next, __ATOMIC_SEQ_CST);
}

/* The event with that number, if its seal says so. */
static bool event(uint64_t number, struct threadleak_event *found)
{
    uint64_t words[8];
    const uint64_t *entry = (const uint64_t *)(uintptr_t)ring()->entries + (number & (ring()->count - 1)) * 8;
    for (unsigned i = 0; i < 8; i++)
        words[i] = __atomic_load_n(&entry[i], __ATOMIC_RELAXED);
    for (uint64_t i = 1; i < 8; i++)
        words[0] -= words[i] * (THREADLEAK_EVENT_FACTOR * (2 * i + 1));
    memcpy(found, words, sizeof words);
    return words[0] == number;
}

/* The first event of that kind since `from`, which is there. */
static struct threadleak_event expect(uint32_t kind, uint64_t from)
{
    struct threadleak_event found;
    for (uint64_t number = from; number < next(); number++)
        if (event(number, &found) && found.kind == kind)
            return found;
    fail_msg("no event of kind %u", kind);
    return found;
}

static bool has(uint32_t kind, uint64_t from)
{
    struct threadleak_event found;
    for (uint64_t number = from; number < next(); number++)
        if (event(number, &found) && found.kind == kind)
            return true;
    return false;
}

static void *returns(void *arg)
{
    return arg;
}

/* ---- each kind of event ---------------------------------------------------------------------- */

static void a_thread_from_creation_to_join(void **state)
{
    (void)state;
    pthread_t pthread;
    uint64_t from = next(), id = create(&pthread, at_gate, NULL);
    AWAIT(has(THREADLEAK_EVENT_START, from));
    const struct threadleak_record *record = view_record(id);
    struct threadleak_event made = expect(THREADLEAK_EVENT_CREATE, from);
    assert_int_equal(made.thread, 1);
    assert_int_equal(made.other, id);
    assert_int_equal(made.site, record->site);
    assert_int_equal(made.scope, 0);
    struct threadleak_event start = expect(THREADLEAK_EVENT_START, from);
    assert_int_equal(start.thread, id);
    assert_int_equal(start.tid, record->tid);
    assert_true(start.ticks > made.ticks);
    pthread_setname_np(pthread, "a worker");
    struct threadleak_event name = expect(THREADLEAK_EVENT_NAME, from);
    assert_int_equal(name.thread, 1);
    assert_int_equal(name.other, id);
    assert_string_equal(name.name, "a worker");
    sem_post(&gate);
    AWAIT(has(THREADLEAK_EVENT_FINISH, from));
    assert_int_equal(expect(THREADLEAK_EVENT_FINISH, from).thread, id);
    pthread_join(pthread, NULL);
    struct threadleak_event join = expect(THREADLEAK_EVENT_JOIN_END, from);
    assert_int_equal(join.thread, 1);
    assert_int_equal(join.other, id);
    assert_true(join.ticks > expect(THREADLEAK_EVENT_FINISH, from).ticks);
}

static void *joins(void *arg)
{
    pthread_join(*(pthread_t *)arg, NULL);
    return NULL;
}

/* Ticks, 0: it did not wait. */
static uint64_t began(struct threadleak_event join)
{
    uint64_t ticks;
    memcpy(&ticks, join.name, sizeof ticks);
    return ticks;
}

static void a_join_that_waits_has_a_beginning(void **state)
{
    (void)state;
    pthread_t pthread, joiner;
    uint64_t from = next(), id = create(&pthread, at_gate, NULL);
    uint64_t joiner_id = create(&joiner, joins, &pthread);
    AWAIT(view_record(id)->join_begun_ns);
    assert_int_equal(view_record(id)->joiner, joiner_id);
    assert_false(has(THREADLEAK_EVENT_JOIN_END, from));
    sem_post(&gate);
    pthread_join(joiner, NULL);
    struct threadleak_event join = expect(THREADLEAK_EVENT_JOIN_END, from);
    assert_int_equal(join.thread, joiner_id);
    assert_int_equal(join.other, id);
    assert_in_range(began(join), expect(THREADLEAK_EVENT_CREATE, from).ticks + 1, join.ticks - 1);
}

static void a_join_may_come_to_nothing(void **state)
{
    (void)state;
    struct timespec until;
    pthread_t pthread;
    uint64_t from = next(), id = create(&pthread, at_gate, NULL);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    assert_int_not_equal(pthread_timedjoin_np(pthread, NULL, &until), 0);
    struct threadleak_event join = expect(THREADLEAK_EVENT_JOIN_FAILED, from);
    assert_int_equal(join.other, id);
    assert_in_range(began(join), 1, join.ticks - 1);
    assert_false(has(THREADLEAK_EVENT_JOIN_END, from));
    sem_post(&gate);
    pthread_join(pthread, NULL);
}

static void who_polls_leaves_only_the_join(void **state)
{
    (void)state;
    const struct timespec past = {0, 0};
    pthread_t pthread;
    uint64_t from = next();
    create(&pthread, at_gate, NULL);
    for (int i = 0; i < 100; i++) {
        assert_int_not_equal(pthread_timedjoin_np(pthread, NULL, &past), 0);
        assert_int_not_equal(pthread_tryjoin_np(pthread, NULL), 0);
    }
    sem_post(&gate);
    while (pthread_tryjoin_np(pthread, NULL))
        sched_yield();
    assert_in_range(next() - from, 4, 50); /* created, started, finished, joined; some took their time */
    assert_int_equal(began(expect(THREADLEAK_EVENT_JOIN_END, from)), 0);
}

static void a_thread_is_detached(void **state)
{
    (void)state;
    pthread_t pthread;
    uint64_t from = next(), id = create(&pthread, at_gate, NULL);
    pthread_detach(pthread);
    assert_int_equal(expect(THREADLEAK_EVENT_DETACH, from).thread, 1);
    assert_int_equal(expect(THREADLEAK_EVENT_DETACH, from).other, id);
    sem_post(&gate);
    AWAIT(has(THREADLEAK_EVENT_FINISH, from));
    AWAIT(!view_record(id));
}

static void a_thread_may_not_come_to_be(void **state)
{
    (void)state;
    pthread_t pthread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, (size_t)1 << 46);
    uint64_t from = next(), id = view_next_id();
    assert_int_equal(pthread_create(&pthread, &attr, returns, NULL), EAGAIN);
    pthread_attr_destroy(&attr);
    assert_int_equal(expect(THREADLEAK_EVENT_CREATE, from).other, id);
    assert_int_equal(expect(THREADLEAK_EVENT_CREATE_FAILED, from).other, id);
}

static void scopes_have_names_of_any_length(void **state)
{
    (void)state;
    static const char longest[] = "a name that fills all of the 71 bytes that a scope keeps of it, or more";
    pthread_t pthread;
    uint64_t from = next();
    threadleak_scope_t outer = threadleak_scope_begin("short");
    struct threadleak_event begin = expect(THREADLEAK_EVENT_SCOPE_BEGIN, from);
    assert_string_equal(begin.name, "short");
    assert_int_equal(begin.thread, 1);
    assert_int_equal(begin.scope, 0);
    uint64_t outer_id = begin.other, inner_from = next();
    threadleak_scope_t inner = threadleak_scope_begin(longest);
    assert_int_equal(next(), inner_from + 3);
    struct threadleak_event parts[3];
    char name[THREADLEAK_NAME_SIZE + 2 * 40];
    for (uint64_t i = 0; i < 3; i++)
        assert_true(event(inner_from + i, &parts[i]));
    assert_int_equal(parts[0].scope, outer_id);
    memcpy(name, parts[0].name, THREADLEAK_NAME_SIZE);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(parts[i].kind, THREADLEAK_EVENT_MORE);
        memcpy(name + THREADLEAK_NAME_SIZE + (i - 1) * 40, &parts[i].thread, 40);
    }
    assert_memory_equal(name, longest, sizeof longest);
    create(&pthread, returns, NULL);
    assert_int_equal(expect(THREADLEAK_EVENT_CREATE, inner_from).scope, parts[0].other);
    pthread_join(pthread, NULL);
    threadleak_scope_close(inner);
    assert_int_equal(expect(THREADLEAK_EVENT_SCOPE_END, from).other, parts[0].other);
    threadleak_scope_close(outer);
}

/* ---- the ring -------------------------------------------------------------------------------- */

static void churn(int threads)
{
    pthread_t pthread;
    for (int i = 0; i < threads; i++) {
        CHECK(pthread_create(&pthread, NULL, returns, NULL) == 0);
        pthread_join(pthread, NULL);
    }
}

static void part_small_ring(void)
{
    struct threadleak_event found;
    churn(50);
    CHECK(ring()->count == 8 && ring()->first == 1);
    CHECK(next() - 1 >= 200); /* create, start, finish, join of each */
    for (uint64_t number = next() - 8; number < next(); number++)
        CHECK(event(number, &found));
    CHECK(!event(next() - 9, &found));
}

static void part_no_ring(void)
{
    churn(2);
    CHECK(!threadleak_registry.events && threadleak_registry.history);
}

static void part_no_history(void)
{
    churn(2);
    CHECK(threadleak_registry.events && !threadleak_registry.history);
    CHECK(next() > 4);
}

static void *churns(void *arg)
{
    churn(THREADS_EACH);
    return arg;
}

/* Sums of events are those of the counters, and of the records. */
static void part_many_writers(void)
{
    const struct threadleak_history *history =
        (const struct threadleak_history *)(uintptr_t)threadleak_registry.history;
    pthread_t writers[WRITERS];
    uint64_t counts[THREADLEAK_EVENT_MORE + 1] = {0};
    struct threadleak_event found;
    for (int i = 0; i < WRITERS; i++)
        CHECK(pthread_create(&writers[i], NULL, churns, NULL) == 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    for (uint64_t number = ring()->first; number < next(); number++) {
        CHECK(event(number, &found));
        counts[found.kind]++;
    }
    const uint64_t all = WRITERS * (THREADS_EACH + 1);
    CHECK(counts[THREADLEAK_EVENT_CREATE] == all);
    CHECK(counts[THREADLEAK_EVENT_START] == all + 1); /* main, too */
    CHECK(counts[THREADLEAK_EVENT_FINISH] == all);
    CHECK(counts[THREADLEAK_EVENT_JOIN_END] == all);
    CHECK(threadleak_registry.next_id - history->first_id == all);
    CHECK(history->finished == all && threadleak_registry.released == all);
    uint64_t created = 0, finished = 0, joined = 0;
    for (uint64_t i = 1; i < threadleak_registry.sites.used; i++) {
        const struct threadleak_site *site = view_entry(&threadleak_registry.sites, i);
        created += site->created;
        finished += site->finished;
        joined += site->joined;
    }
    CHECK(created == all && finished == all && joined == all);
    CHECK(view_records() == 1);
}

/* Its name is its id, in each of its bytes. */
static void *names_itself(void *arg)
{
    char name[THREADLEAK_NAME_SIZE] = "";
    memset(name, 'a' + (int)(uintptr_t)arg, sizeof name - 1);
    for (int i = 0; i < NAMES_EACH; i++)
        prctl(PR_SET_NAME, name);
    return NULL;
}

/* Into so small a ring writers write over each other, and a reader reads meanwhile. */
static void part_torn(void)
{
    pthread_t writers[WRITERS];
    uint64_t first_id = view_next_id();
    for (uintptr_t i = 0; i < WRITERS; i++)
        CHECK(pthread_create(&writers[i], NULL, names_itself, (void *)i) == 0);
    uint64_t seen = 0, end = WRITERS * (uint64_t)NAMES_EACH;
    while (next() < end || seen == 0) {
        struct threadleak_event found;
        for (uint64_t number = next() - 2; number < next(); number++) {
            if (!event(number, &found) || found.kind != THREADLEAK_EVENT_NAME)
                continue;
            CHECK(found.thread == found.other && found.thread - first_id < WRITERS);
            for (int i = 0; i < THREADLEAK_NAME_SIZE - 1; i++)
                CHECK(found.name[i] == (char)('a' + (found.thread - first_id)));
            seen++;
        }
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
}

static void part_forked(void)
{
    struct threadleak_event found;
    pthread_t pthread;
    int status;
    churn(3);
    CHECK(pthread_create(&pthread, NULL, at_gate, NULL) == 0);
    uint64_t before = next();
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(ring()->first >= before);
        CHECK(event(ring()->first, &found) && found.kind == THREADLEAK_EVENT_START);
        CHECK(found.thread == 1 && found.tid == (uint32_t)getpid());
        CHECK(next() == ring()->first + 1);
        churn(1);
        CHECK(next() >= ring()->first + 5); /* create, start, finish, join */
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(ring()->first == 1);
    sem_post(&gate);
    pthread_join(pthread, NULL);
}

/* A program may forbid itself the counter; then a look at it kills. */
static void part_no_counter(void)
{
    churn(1);
    CHECK(prctl(PR_SET_TSC, PR_TSC_SIGSEGV) == 0);
    uint64_t before = next();
    churn(3);
    CHECK(next() == before);
    threadleak_scope_close(threadleak_scope_begin("without a clock"));
}

/* Strict seccomp takes it from one thread. */
static void *under_strict_seccomp(void *other)
{
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    pthread_detach(*(pthread_t *)other);
    syscall(SYS_exit, 0);
    return NULL;
}

static void part_strict_seccomp(void)
{
    pthread_t other, strict;
    CHECK(pthread_create(&other, NULL, returns, NULL) == 0);
    CHECK(pthread_create(&strict, NULL, under_strict_seccomp, &other) == 0);
    CHECK(pthread_join(strict, NULL) == 0);
}

static void part_prctl_that_failed(void)
{
    CHECK(prctl(PR_SET_TSC, PR_TSC_SIGSEGV + 1) < 0);
    uint64_t before = next();
    churn(1);
    CHECK(next() >= before + 4); /* create, start, finish, join */
}

static const struct part {
    const char *name;
    const char *options;
    void (*run)(void);
} parts[] = {
    {"small_ring", "events=5", part_small_ring},
    {"no_ring", "events=0", part_no_ring},
    {"no_history", "history=0", part_no_history},
    {"many_writers", "events=10000", part_many_writers},
    {"torn", "events=2", part_torn},
    {"forked", "events=64", part_forked},
#if defined(__x86_64__)
    {"no_counter", "events=64", part_no_counter},
#endif
    {"strict_seccomp", "events=64", part_strict_seccomp},
    {"prctl_that_failed", "events=64", part_prctl_that_failed},
};

static void the_ring(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct played played = play(parts[i].name, parts[i].options);
        assert_exit_status(&played, 0);
    }
}

int main(int argc, char **argv)
{
    sem_init(&gate, 0, 0);
    for (size_t i = 0; argc > 1 && i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(parts[i].name, argv[1]) == 0) {
            parts[i].run();
            return 0;
        }
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_from_creation_to_join),
        cmocka_unit_test(a_join_that_waits_has_a_beginning),
        cmocka_unit_test(a_join_may_come_to_nothing),
        cmocka_unit_test(who_polls_leaves_only_the_join),
        cmocka_unit_test(a_thread_is_detached),
        cmocka_unit_test(a_thread_may_not_come_to_be),
        cmocka_unit_test(scopes_have_names_of_any_length),
        cmocka_unit_test(the_ring),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
