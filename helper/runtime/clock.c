/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "events.h"
#include "registry.h"
#include "settle.h"

#define RING (THREADLEAK_CLOCK_PAIRS - 1)
#define SECOND_NS 1000000000u
#define LEAST_SPAN_NS 250000u /* from one pair to the next, which doubles up to a second */
#define NEAR_NS 30000 /* two pairs that two threads take at once say nothing of the rate; as in ticks.py */
#define MOST_TICKS_OF_A_LOOK 2000u
#define LOOKS 4

static struct threadleak_events *events; /* NULL: none are kept */

struct clock_state clock_state;

/* ---- the counter ------------------------------------------------------------------------------------*/

#if defined(__x86_64__)

#define INVARIANT_LEAF 0x80000007u /* AMD64 and Intel manuals, CPUID: EDX bit 8, InvariantTSC */
#define INVARIANT_BIT (1u << 8)

/* A program that forbids itself the counter is killed by SIGSEGV where it reads it. */
static bool counter_is_steady(void)
{
    unsigned eax, ebx, ecx, edx = 0;
    int may = PR_TSC_ENABLE;
    if (syscall(SYS_prctl, PR_GET_TSC, &may, 0, 0, 0) == 0 && may != PR_TSC_ENABLE)
        return false;
    return __get_cpuid(INVARIANT_LEAF, &eax, &ebx, &ecx, &edx) && edx & INVARIANT_BIT;
}

#elif defined(__aarch64__)

static bool counter_is_steady(void)
{
    return true; /* by architecture */
}

#else

static bool counter_is_steady(void)
{
    return false;
}

#endif

/* A hypervisor may step in at each look: then the system's clock is no slower. */
static bool counter_is_quick(void)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < LOOKS; i++) {
        uint64_t before = clock_counter(), took = clock_counter() - before;
        least = took < least ? took : least;
    }
    return least < MOST_TICKS_OF_A_LOOK;
}

/* ---- pairs ------------------------------------------------------------------------------------------*/

/* Both clocks at one instant: of a few looks the one that took the shortest. */
__attribute__((noinline)) static struct moment look_at_both(void)
{
    struct moment best = {0, 0};
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < LOOKS && least > MOST_TICKS_OF_A_LOOK; i++) {
        uint64_t before = clock_counter(), ns = settle_now(), took = clock_counter() - before;
        if (took < least) {
            least = took;
            best = (struct moment){before + took / 2, ns};
        }
    }
    return best;
}

static void write_pair(uint64_t number, struct moment now)
{
    struct threadleak_clock_pair *pair = &events->pairs[number == 1 ? 0 : 1 + (number - 2) % RING];
    __atomic_store_n(&pair->number, 0, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&pair->ticks, now.ticks, __ATOMIC_RELAXED);
    __atomic_store_n(&pair->ns, now.ns, __ATOMIC_RELAXED);
    /* who was held up for a round of the ring may write into what another one has */
    const uint64_t factor = THREADLEAK_EVENT_FACTOR;
    uint64_t seal = number + now.ticks * (3 * factor) + now.ns * (5 * factor);
    __atomic_store_n(&pair->seal, seal, __ATOMIC_RELAXED);
    __atomic_store_n(&pair->number, number, __ATOMIC_RELEASE);
}

/* The rate since `before`, for as long again; but over a gap, in which the machine may have slept, the one
 * before it, and so where `before` is only just over. */
static void set_rate(struct clock_rate *rate, const struct clock_rate *before, struct moment now)
{
    uint64_t ticks = now.ticks - before->ticks, ns = now.ns - before->ns;
    bool is_near = before->span && (int64_t)ns < NEAR_NS; /* below 0: another's, which came first */
    bool is_measured =
        (int64_t)ticks > 0 && (int64_t)ns > 0 && !is_near && (!before->span || ticks / 4 < before->span);
    uint64_t ns_x_32 = is_measured ? (uint64_t)(((unsigned __int128)ns << 32) / ticks) : before->ns_x_32;
    uint64_t span_ns = is_measured ? 2 * ns : LEAST_SPAN_NS;
    span_ns = span_ns < LEAST_SPAN_NS ? LEAST_SPAN_NS : span_ns > SECOND_NS ? SECOND_NS : span_ns;
    uint64_t span = is_near   ? before->span
                    : ns_x_32 ? (uint64_t)(((unsigned __int128)span_ns << 32) / ns_x_32)
                              : 0;
    __atomic_store_n(&rate->ticks, now.ticks, __ATOMIC_RELAXED);
    __atomic_store_n(&rate->ns, now.ns, __ATOMIC_RELAXED);
    __atomic_store_n(&rate->span, span, __ATOMIC_RELAXED);
    __atomic_store_n(&rate->ns_x_32, ns_x_32, __ATOMIC_RELAXED);
}

/* Each caller has a number of its own, so that nobody waits for one that was killed here. */
__attribute__((noinline)) static void note_pair(struct moment now)
{
    uint64_t before = __atomic_load_n(&clock_state.latest, __ATOMIC_ACQUIRE);
    uint64_t number = __atomic_add_fetch(&events->pairs_used, 1, __ATOMIC_RELAXED);
    write_pair(number, now);
    struct clock_rate last = clock_state.rates[before % CLOCK_RATES];
    set_rate(&clock_state.rates[number % CLOCK_RATES], &last, now);
    while (before < number && !__atomic_compare_exchange_n(&clock_state.latest, &before, number, 0,
                                                           __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
}

/* In two steps, neither of which has the stack of both. */
struct moment clock_take_pair(void)
{
    struct moment now = look_at_both();
    note_pair(now);
    return now;
}

void clock_init(struct threadleak_events *where)
{
    clock_state.has_counter = counter_is_steady() && counter_is_quick();
    where->clock = clock_state.has_counter ? THREADLEAK_CLOCK_COUNTER : THREADLEAK_CLOCK_MONOTONIC;
    events = where;
    if (!clock_state.has_counter)
        return;
    struct moment now = look_at_both();
    where->pairs_used = clock_state.latest = 1;
    write_pair(1, now);
    clock_state.rates[1] = (struct clock_rate){.ticks = now.ticks, .ns = now.ns};
}

void clock_compare(void)
{
    if (clock_state.has_counter)
        clock_take_pair();
}

void clock_forbid_counter(void)
{
    __atomic_store_n(&clock_state.has_counter, false, __ATOMIC_RELAXED);
}

struct moment clock_without_counter(void)
{
    bool has_events = events_are_noted() && events->clock == THREADLEAK_CLOCK_MONOTONIC;
    uint64_t ns = has_events ? settle_now() : registry_now();
    return (struct moment){has_events ? ns : 0, ns};
}
