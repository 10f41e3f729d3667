/* SPDX-License-Identifier: MIT */
#include "history.h"

#include <stddef.h>
#include <string.h>

#include "options.h"
#include "registry.h"
#include "sites.h"

#define SECOND_NS 1000000000u
#define SECONDS 600
#define MINUTES 720
#define HALF_HOURS 480
#define SITES 512 /* that have buckets of their own */
#define SITE_MINUTES 32
#define SITE_HALF_HOURS 48
#define NO_ROOM UINT32_MAX

/* All in .bss: what is never touched costs nothing. */
static struct threadleak_bucket seconds[SECONDS], minutes[MINUTES], half_hours[HALF_HOURS];
static struct site_history {
    struct threadleak_site_history head;
    struct threadleak_site_bucket minutes[SITE_MINUTES], half_hours[SITE_HALF_HOURS];
} site_histories[SITES] __attribute__((aligned(16)));

static struct threadleak_history history __attribute__((aligned(64)));

enum { FINEST, COARSE, COARSEST };

void history_init(void)
{
    if (!options.history)
        return;
    const uint64_t minute = 60 * (uint64_t)SECOND_NS, half_hour = 30 * minute;
    history = (struct threadleak_history){
        .size = sizeof history,
        .site_history_size = sizeof site_histories[0],
        .began_ns = threadleak_registry.start_monotonic_ns,
        .first_id = 1,
        .site_histories = (uintptr_t)site_histories,
        .site_capacity = SITES,
        .levels = {{SECOND_NS, SECONDS, sizeof seconds[0], (uintptr_t)seconds, 0},
                   {minute, MINUTES, sizeof minutes[0], (uintptr_t)minutes, 0},
                   {half_hour, HALF_HOURS, sizeof half_hours[0], (uintptr_t)half_hours, 0}},
        .site_levels = {{minute, SITE_MINUTES, sizeof(struct threadleak_site_bucket),
                         offsetof(struct site_history, minutes), 0},
                        {half_hour, SITE_HALF_HOURS, sizeof(struct threadleak_site_bucket),
                         offsetof(struct site_history, half_hours), 0}},
    };
    __atomic_store_n(&threadleak_registry.history, (uintptr_t)&history, __ATOMIC_RELEASE);
}

/* In order: what is looked at first is the older. */
static uint64_t get(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void put(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/* `*word` becomes `value` unless it is more. */
static void raise_to(uint64_t *word, uint64_t value)
{
    uint64_t now = get(word);
    while (now < value &&
           !__atomic_compare_exchange_n(word, &now, value, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static uint64_t not_below_0(uint64_t difference)
{
    return (int64_t)difference > 0 ? difference : 0;
}

static uint64_t number_at(const struct threadleak_level *level, uint64_t ns)
{
    return ns / level->width_ns + 1;
}

/* ---- the process ------------------------------------------------------------------------------------*/

static uint64_t created_so_far(void)
{
    uint64_t next_id = get(&threadleak_registry.next_id); /* first */
    return next_id - history.first_id - get(&history.cancelled);
}

/* Too few where the caller is held up between two looks, never too many. */
static uint64_t alive_now(void)
{
    uint64_t begun = created_so_far() + get(&history.initial); /* first */
    return not_below_0(begun - get(&history.finished));
}

#define LOOKS 8 /* for an instant at which nothing ends */

/* What had happened at one instant, nearly: more looks do not help where threads end all the time. */
struct counts {
    uint64_t created, finished, joined, gone;
};

static struct counts counts_now(void)
{
    struct counts counts;
    for (int i = 0; i < LOOKS; i++) {
        uint64_t released = get(&threadleak_registry.released), finished = get(&history.finished);
        counts.gone = get(&history.gone);
        counts.joined =
            not_below_0(released - history.first_released - get(&history.cancelled) - counts.gone);
        counts.created = created_so_far();
        counts.finished = get(&history.finished);
        if (counts.finished == finished && get(&threadleak_registry.released) == released)
            break;
    }
    return counts;
}

static struct threadleak_bucket *bucket_of(const struct threadleak_level *level, uint64_t number)
{
    return (struct threadleak_bucket *)(uintptr_t)level->buckets + number % level->count;
}

/* `pending` events are counted already, and belong into the new bucket. */
static inline __attribute__((always_inline)) void open_bucket(const struct threadleak_level *level,
                                                              uint64_t number, uint64_t ns, uint64_t pending)
{
    struct threadleak_bucket *bucket = bucket_of(level, number);
    put(&bucket->number, 0);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    struct counts counts = counts_now();
    put(&bucket->begun_ns, ns);
    put(&bucket->joined, counts.joined);
    put(&bucket->gone, counts.gone);
    put(&bucket->finished, counts.finished);
    put(&bucket->created, not_below_0(counts.created - pending));
    put(&bucket->peak, 0);
    __atomic_store_n(&bucket->initial, (uint32_t)get(&history.initial), __ATOMIC_RELAXED);
    __atomic_store_n(&bucket->number, number, __ATOMIC_RELEASE);
}

/* The most that were alive in a second that is over, to the buckets that it lies in. */
static void note_peak(uint64_t peak)
{
    uint64_t second = peak >> 32;
    for (unsigned i = 0; second && i < THREADLEAK_LEVELS; i++) {
        const struct threadleak_level *level = &history.levels[i];
        uint64_t number = number_at(level, (second - 1) * history.levels[FINEST].width_ns);
        struct threadleak_bucket *bucket = bucket_of(level, number);
        if (get(&bucket->number) == number)
            raise_to(&bucket->peak, (uint32_t)peak);
    }
}

/* Whoever moves `latest` opens the bucket. The finest level's is moved by one thread at a time, so the others
 * need no exchange; they come first, for the sites go by them. */
__attribute__((noinline, cold)) static void enter(uint64_t ns, uint64_t pending)
{
    struct threadleak_level *finest = &history.levels[FINEST];
    uint64_t number = number_at(finest, ns), latest = get(&finest->latest);
    if (number <= latest ||
        !__atomic_compare_exchange_n(&finest->latest, &latest, number, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return; /* this one, or a later one, is another thread's */
    note_peak(__atomic_exchange_n(&history.peak, THREADLEAK_PEAK(number, alive_now()), __ATOMIC_RELAXED));
    for (unsigned i = THREADLEAK_LEVELS; i-- > FINEST;) {
        struct threadleak_level *level = &history.levels[i];
        uint64_t entered = number_at(level, ns);
        if (i == FINEST || entered > get(&level->latest)) {
            open_bucket(level, entered, ns, pending);
            raise_to(&level->latest, entered);
        }
    }
    raise_to(&history.next_ns, number * finest->width_ns);
}

static void meet(uint64_t ns, uint64_t pending)
{
    if (__builtin_expect(ns >= get(&history.next_ns), 0))
        enter(ns, pending);
}

/* Of a word of THREADLEAK_PEAK: `threads` are alive in the same stretch. */
static void note_alive(uint64_t *peak, uint64_t threads)
{
    uint64_t now = get(peak);
    while ((uint32_t)now < threads &&
           !__atomic_compare_exchange_n(peak, &now, THREADLEAK_PEAK(now >> 32, threads), 1, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
        ;
}

/* ---- sites ------------------------------------------------------------------------------------------*/

static struct site_history *site_history_of(struct threadleak_site *site)
{
    uint32_t place = __atomic_load_n(&site->history, __ATOMIC_ACQUIRE);
    return place && place != NO_ROOM ? &site_histories[place - 1] : NULL;
}

/* Its place, if there is one left. In a fork child what lies there may be the parent's. */
__attribute__((noinline, cold)) static void assign(struct threadleak_site *site)
{
    uint32_t used = __atomic_load_n(&history.site_used, __ATOMIC_RELAXED), none = 0;
    do {
        if (used >= SITES) {
            if (__atomic_compare_exchange_n(&site->history, &none, NO_ROOM, 0, __ATOMIC_RELAXED,
                                            __ATOMIC_RELAXED))
                __atomic_fetch_add(&history.sites_dropped, 1, __ATOMIC_RELAXED);
            return;
        }
    } while (!__atomic_compare_exchange_n(&history.site_used, &used, used + 1, 1, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    if (threadleak_registry.fork_generation)
        memset(&site_histories[used], 0, sizeof site_histories[used]);
    __atomic_compare_exchange_n(&site->history, &none, used + 1, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

static struct counts counts_at(const struct threadleak_site *site)
{
    struct counts counts;
    for (int i = 0; i < LOOKS; i++) {
        uint64_t joined = get(&site->joined), finished = get(&site->finished);
        counts.gone = get(&site->gone);
        counts.created = get(&site->created);
        counts.finished = get(&site->finished);
        counts.joined = get(&site->joined);
        if (counts.finished == finished && counts.joined == joined)
            break;
    }
    return counts;
}

static void open_site_bucket(struct threadleak_site_bucket *bucket, uint64_t number,
                             const struct threadleak_site *site, uint64_t pending)
{
    put(&bucket->number, 0);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    struct counts counts = counts_at(site);
    __atomic_store_n(&bucket->joined, (uint32_t)counts.joined, __ATOMIC_RELAXED);
    __atomic_store_n(&bucket->gone, (uint32_t)counts.gone, __ATOMIC_RELAXED);
    __atomic_store_n(&bucket->finished, (uint32_t)counts.finished, __ATOMIC_RELAXED);
    __atomic_store_n(&bucket->created, (uint32_t)(counts.created - pending), __ATOMIC_RELAXED);
    put(&bucket->peak, 0);
    __atomic_store_n(&bucket->number, number, __ATOMIC_RELEASE);
}

static void note_site_peak(struct site_history *own, uint64_t peak)
{
    uint64_t minute = peak >> 32;
    if (!minute)
        return;
    uint64_t half_hour = number_at(&history.site_levels[1], (minute - 1) * history.site_levels[0].width_ns);
    struct threadleak_site_bucket *in[] = {&own->minutes[minute % SITE_MINUTES],
                                           &own->half_hours[half_hour % SITE_HALF_HOURS]};
    if (get(&in[0]->number) == minute)
        raise_to(&in[0]->peak, (uint32_t)peak);
    if (get(&in[1]->number) == half_hour)
        raise_to(&in[1]->peak, (uint32_t)peak);
}

static uint64_t alive_at(const struct threadleak_site *site)
{
    uint64_t created = get(&site->created);
    return not_below_0(created - get(&site->finished));
}

__attribute__((noinline, cold)) static void
enter_site(struct site_history *own, const struct threadleak_site *site, uint64_t minute, uint64_t pending)
{
    uint64_t before = get(&own->head.latest), half_hour = get(&history.levels[COARSEST].latest);
    if (before >= minute || !__atomic_compare_exchange_n(&own->head.latest, &before, minute, 0,
                                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return;
    note_site_peak(
        own, __atomic_exchange_n(&own->head.peak, THREADLEAK_PEAK(minute, alive_at(site)), __ATOMIC_RELAXED));
    struct threadleak_site_bucket *coarse = &own->half_hours[half_hour % SITE_HALF_HOURS];
    if (get(&coarse->number) != half_hour)
        open_site_bucket(coarse, half_hour, site, pending);
    open_site_bucket(&own->minutes[minute % SITE_MINUTES], minute, site, pending);
}

static struct site_history *meet_at(struct threadleak_site *site, uint64_t pending)
{
    if (__builtin_expect(!__atomic_load_n(&site->history, __ATOMIC_RELAXED), 0))
        assign(site);
    struct site_history *own = site_history_of(site);
    uint64_t minute = get(&history.levels[COARSE].latest);
    if (own && __builtin_expect(get(&own->head.latest) != minute, 0))
        enter_site(own, site, minute, pending);
    return own;
}

/* ---- events -----------------------------------------------------------------------------------------*/

void history_initial(bool is_alive)
{
    if (!history_is_kept())
        return;
    put(&history.initial, is_alive);
    if (is_alive)
        history.first_id = threadleak_registry.next_id;
}

void history_count_created(uint32_t index, uint64_t now_ns)
{
    meet(now_ns, 1);
    note_alive(&history.peak, alive_now());
    struct threadleak_site *site = site_at(index);
    if (!site)
        return;
    struct site_history *own = meet_at(site, 1);
    uint64_t alive = alive_at(site);
    raise_to(&site->peak, alive);
    if (own)
        note_alive(&own->head.peak, alive);
}

void history_cancelled(void)
{
    __atomic_fetch_add(&history.cancelled, 1, __ATOMIC_RELAXED);
}

void history_enter(uint32_t index, uint64_t now_ns)
{
    meet(now_ns, 0);
    struct threadleak_site *site = site_at(index);
    if (site)
        meet_at(site, 0);
}

void history_count_finished(uint32_t index)
{
    __atomic_fetch_add(&history.finished, 1, __ATOMIC_RELAXED);
    struct threadleak_site *site = site_at(index);
    if (site)
        __atomic_fetch_add(&site->finished, 1, __ATOMIC_RELAXED);
}

void history_count_released(uint32_t index, bool was_joined)
{
    if (!was_joined) /* else the registry's `released` says so */
        __atomic_fetch_add(&history.gone, 1, __ATOMIC_RELAXED);
    struct threadleak_site *site = site_at(index);
    if (site)
        __atomic_fetch_add(was_joined ? &site->joined : &site->gone, 1, __ATOMIC_RELAXED);
}

/* `began_ns` is coarse: the parent's newest bucket may have begun after it, and one that was new to it. */
static void forget_latest(struct threadleak_level *level)
{
    if (level->latest) {
        put(&bucket_of(level, level->latest)->number, 0);
        put(&bucket_of(level, level->latest - 1)->number, 0);
    }
    level->latest = 0;
}

void history_fork_child(bool has_survivor, bool is_creating)
{
    if (!history_is_kept())
        return;
    history.began_ns = registry_now();
    history.first_id = threadleak_registry.next_id - is_creating;
    history.first_released = threadleak_registry.released;
    history.initial = has_survivor;
    history.site_used = 0;
    history.sites_dropped = history.next_ns = history.peak = 0;
    history.finished = history.gone = history.cancelled = 0;
    for (unsigned i = 0; i < THREADLEAK_LEVELS; i++)
        forget_latest(&history.levels[i]);
}
