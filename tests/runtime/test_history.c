/* SPDX-License-Identifier: MIT
 *
 * history.c under a clock that the test sets: what buckets hold, and when one is opened.
 */
#include "history.h"

#include <string.h>

#include "options.h"
#include "sites.h"
#include "view.h"

#define SECOND ((uint64_t)1000000000)
#define MINUTE (60 * SECOND)
#define HALF_HOUR (30 * MINUTE)
#define START (3 * HALF_HOUR) /* a round time: the first stretch of each level begins */
#define WITH_ROOM 512
#define WRITERS 4
#define EVENTS_EACH 20000

struct threadleak_registry threadleak_registry;
struct options options = {.history = 1};
static struct threadleak_site sites[WITH_ROOM + 8];
static uint64_t now;

struct threadleak_site *site_at(uint32_t index)
{
    return index ? &sites[index] : NULL;
}

uint64_t registry_now(void)
{
    return now;
}

static struct threadleak_history *history(void)
{
    return (struct threadleak_history *)(uintptr_t)threadleak_registry.history;
}

static int begin(void **state)
{
    (void)state;
    memset(sites, 0, sizeof sites);
    now = START;
    threadleak_registry = (struct threadleak_registry){.next_id = 1, .start_monotonic_ns = now};
    history_init();
    for (int i = 0; i < THREADLEAK_LEVELS; i++) {
        const struct threadleak_level *level = &history()->levels[i];
        memset((void *)(uintptr_t)level->buckets, 0, (size_t)level->count * level->bucket_size);
    }
    memset((void *)(uintptr_t)history()->site_histories, 0, (size_t)WITH_ROOM * history()->site_history_size);
    threadleak_registry.next_id = 2; /* main's */
    history_initial(true);
    return 0;
}

static void create(uint32_t site, uint64_t count)
{
    for (; count; count--) {
        __atomic_fetch_add(&sites[site].created, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&threadleak_registry.next_id, 1, __ATOMIC_RELAXED);
        history_created(site, now);
    }
}

static void finish(uint32_t site, uint64_t count)
{
    for (; count; count--) {
        history_meet(site, now);
        history_finished(site);
    }
}

static void release(uint32_t site, bool joined, uint64_t count)
{
    for (; count; count--) {
        history_meet(site, now);
        history_released(site, joined);
        __atomic_fetch_add(&threadleak_registry.released, 1, __ATOMIC_RELAXED);
    }
}

/* That of the stretch in which `ns` lies, NULL: it has none. */
static const struct threadleak_bucket *bucket(int number_of_level, uint64_t ns)
{
    const struct threadleak_level *level = &history()->levels[number_of_level];
    uint64_t number = ns / level->width_ns + 1;
    const char *at = (const char *)(uintptr_t)level->buckets + number % level->count * level->bucket_size;
    const struct threadleak_bucket *found = (const void *)at;
    return found->number == number ? found : NULL;
}

static const struct threadleak_site_bucket *site_bucket(uint32_t site, int number_of_level, uint64_t ns)
{
    const struct threadleak_level *level = &history()->site_levels[number_of_level];
    uint64_t number = ns / level->width_ns + 1;
    const char *own = (const char *)(uintptr_t)history()->site_histories +
                      (sites[site].history - 1) * history()->site_history_size;
    const struct threadleak_site_bucket *found =
        (const void *)(own + level->buckets + number % level->count * level->bucket_size);
    return found->number == number ? found : NULL;
}

static void a_bucket_holds_what_was_before_its_first_event(void **state)
{
    (void)state;
    create(1, 3);
    now += SECOND / 2;
    finish(1, 2);
    release(1, true, 1);
    for (int level = 0; level < THREADLEAK_LEVELS; level++) {
        assert_int_equal(bucket(level, START)->begun_ns, START);
        assert_int_equal(bucket(level, START)->created, 0);
        assert_int_equal(bucket(level, START)->initial, 1);
    }
    now = START + SECOND;
    release(1, false, 1);
    const struct threadleak_bucket *second = bucket(0, now);
    assert_int_equal(second->created, 3);
    assert_int_equal(second->finished, 2);
    assert_int_equal(second->joined, 1);
    assert_int_equal(second->gone, 0);
    now += SECOND;
    create(1, 1);
    assert_int_equal(bucket(0, now)->created, 3);
    assert_int_equal(bucket(0, now)->joined, 1);
    assert_int_equal(bucket(0, now)->gone, 1);
    assert_int_equal(bucket(1, now)->begun_ns, START); /* the minute is the same */
}

static void nothing_happens_in_a_stretch_without_a_bucket(void **state)
{
    (void)state;
    create(1, 1);
    now += 5 * SECOND;
    create(1, 1);
    for (int i = 1; i < 5; i++)
        assert_null(bucket(0, START + (uint64_t)i * SECOND));
    assert_non_null(bucket(0, now));
}

static void a_ring_keeps_its_newest_stretches(void **state)
{
    (void)state;
    uint32_t count = history()->levels[0].count;
    for (uint64_t i = 0; i < count + 10; i++, now += SECOND)
        create(1, 1);
    for (uint64_t i = 0; i < 10; i++)
        assert_null(bucket(0, START + i * SECOND));
    for (uint64_t i = 10; i < count + 10; i++)
        assert_int_equal(bucket(0, START + i * SECOND)->created, i);
}

static void the_most_alive_is_known_of_each_stretch(void **state)
{
    (void)state;
    create(1, 5);
    finish(1, 5);
    assert_int_equal(history()->peak, THREADLEAK_PEAK(START / SECOND + 1, 6)); /* main, too */
    now += SECOND;
    create(1, 2);
    finish(1, 2);
    assert_int_equal(bucket(0, START)->peak, 6);
    now += MINUTE;
    create(1, 1);
    assert_int_equal(bucket(0, START + SECOND)->peak, 3);
    assert_int_equal(bucket(1, START)->peak, 6);
    assert_int_equal(bucket(2, START)->peak, 6);
    assert_int_equal(site_bucket(1, 0, START)->peak, 5);
    assert_int_equal(site_bucket(1, 1, START)->peak, 5);
    assert_int_equal(sites[1].peak, 5);
}

static void the_clock_may_go_back(void **state)
{
    (void)state;
    now += 10 * SECOND;
    create(1, 2);
    now -= 5 * SECOND;
    create(1, 2);
    assert_null(bucket(0, now));
    assert_int_equal(history()->next_ns, START + 11 * SECOND);
    now += 6 * SECOND;
    create(1, 1);
    assert_int_equal(bucket(0, now)->created, 4);
}

static void sites_have_counts_and_buckets_of_their_own(void **state)
{
    (void)state;
    create(1, 3);
    create(2, 4);
    finish(2, 3);
    release(2, true, 2);
    release(2, false, 1);
    now += MINUTE;
    create(2, 1);
    assert_int_equal(site_bucket(2, 0, START)->created, 0);
    const struct threadleak_site_bucket *minute = site_bucket(2, 0, now);
    assert_int_equal(minute->created, 4);
    assert_int_equal(minute->finished, 3);
    assert_int_equal(minute->joined, 2);
    assert_int_equal(minute->gone, 1);
    assert_null(site_bucket(1, 0, now));
    assert_int_equal(sites[2].finished, 3);
    assert_int_equal(sites[1].finished, 0);
}

static void a_site_beyond_those_with_room_is_counted_all_the_same(void **state)
{
    (void)state;
    for (uint32_t site = 1; site <= WITH_ROOM + 3; site++) {
        create(site, 2);
        finish(site, 1);
    }
    assert_int_equal(history()->site_used, WITH_ROOM);
    assert_int_equal(history()->sites_dropped, 3);
    assert_int_equal(sites[WITH_ROOM].history, WITH_ROOM);
    assert_true(sites[WITH_ROOM + 1].history > WITH_ROOM);
    assert_int_equal(sites[WITH_ROOM + 3].finished, 1);
    assert_int_equal(sites[WITH_ROOM + 3].peak, 2);
}

static void a_creation_that_failed_never_was(void **state)
{
    (void)state;
    create(1, 2);
    history_cancelled();
    sites[1].created--;
    threadleak_registry.released++;
    now += SECOND;
    create(1, 1);
    assert_int_equal(bucket(0, now)->created, 1);
    assert_int_equal(bucket(0, now)->joined, 0);
}

static void a_fork_child_begins_anew(void **state)
{
    (void)state;
    create(1, 3);
    finish(1, 2);
    memset(sites, 0, sizeof sites);
    threadleak_registry.fork_generation = 1;
    threadleak_registry.released = threadleak_registry.next_id - 2; /* all but the one that forked */
    history_fork_child(true, false);
    create(1, 1);
    assert_int_equal(bucket(0, now)->created, 0);
    assert_int_equal(bucket(0, now)->finished, 0);
    assert_int_equal(bucket(0, now)->joined, 0);
    assert_int_equal(bucket(0, now)->initial, 1);
    assert_int_equal(history()->finished, 0);
    assert_int_equal(history()->peak & UINT32_MAX, 2);
    assert_int_equal(site_bucket(1, 0, now)->created, 0);
}

/* The child's beginning is coarse, and may lie before that of the parent's newest bucket. */
static void a_fork_child_has_no_bucket_of_its_parents(void **state)
{
    (void)state;
    create(1, 3);
    now += SECOND;
    finish(1, 2);
    uint64_t newest = now--;
    threadleak_registry.fork_generation = 1;
    history_fork_child(true, false);
    for (int level = 0; level < THREADLEAK_LEVELS; level++) {
        const struct threadleak_bucket *found = bucket(level, newest);
        assert_true(!found || found->begun_ns < history()->began_ns);
    }
}

static void *hammer(void *arg)
{
    uint32_t site = (uint32_t)(uintptr_t)arg;
    for (int i = 0; i < EVENTS_EACH; i++) {
        uint64_t at = START + (uint64_t)i * (SECOND / 40);
        __atomic_fetch_add(&sites[site % 2 + 1].created, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&threadleak_registry.next_id, 1, __ATOMIC_RELAXED);
        history_created(site % 2 + 1, at);
        history_meet(site % 2 + 1, at);
        history_finished(site % 2 + 1);
        history_meet(site % 2 + 1, at);
        history_released(site % 2 + 1, true);
        __atomic_fetch_add(&threadleak_registry.released, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void no_count_is_lost_among_many_writers(void **state)
{
    (void)state;
    pthread_t writers[WRITERS];
    for (uintptr_t i = 0; i < WRITERS; i++)
        pthread_create(&writers[i], NULL, hammer, (void *)i);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    assert_int_equal(history()->finished, WRITERS * EVENTS_EACH);
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(sites[i].finished, WRITERS / 2 * EVENTS_EACH);
        assert_int_equal(sites[i].joined, WRITERS / 2 * EVENTS_EACH);
        assert_in_range(sites[i].peak, 1, WRITERS / 2);
    }
    uint64_t seconds = EVENTS_EACH / 40;
    for (uint64_t i = 0; i < seconds; i++) {
        const struct threadleak_bucket *each = bucket(0, START + i * SECOND);
        assert_non_null(each);
        assert_true(each->created + WRITERS >= each->finished);
        assert_true(each->peak <= 1 + WRITERS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_bucket_holds_what_was_before_its_first_event, begin),
        cmocka_unit_test_setup(nothing_happens_in_a_stretch_without_a_bucket, begin),
        cmocka_unit_test_setup(a_ring_keeps_its_newest_stretches, begin),
        cmocka_unit_test_setup(the_most_alive_is_known_of_each_stretch, begin),
        cmocka_unit_test_setup(the_clock_may_go_back, begin),
        cmocka_unit_test_setup(sites_have_counts_and_buckets_of_their_own, begin),
        cmocka_unit_test_setup(a_site_beyond_those_with_room_is_counted_all_the_same, begin),
        cmocka_unit_test_setup(a_creation_that_failed_never_was, begin),
        cmocka_unit_test_setup(a_fork_child_begins_anew, begin),
        cmocka_unit_test_setup(a_fork_child_has_no_bucket_of_its_parents, begin),
        cmocka_unit_test_setup(no_count_is_lost_among_many_writers, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
