/* SPDX-License-Identifier: MIT
 *
 * clock.h - what time it is, for as little as that can be told.
 *
 * Events are nanoseconds apart, and CLOCK_MONOTONIC costs more than all else that is noted of one. So their
 * time is the processor's counter, where that runs at one rate whatever the processor does: x86's TSC if
 * CPUID calls it invariant, aarch64's CNTVCT_EL0. Readers turn it to nanoseconds by pairs of both clocks,
 * which are taken now and then, and so does the library itself.
 */
#ifndef THREADLEAK_CLOCK_H
#define THREADLEAK_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "threadleak_abi.h"

extern struct threadleak_registry threadleak_registry;

/* One instant. */
struct moment {
    uint64_t ticks; /* of the clock of the events; 0 where there are none */
    uint64_t ns;    /* CLOCK_MONOTONIC: to a microsecond or so with events, else to a few milliseconds */
};

/* Chooses the clock, and takes the first pair into `events`, which stays where it is. */
void clock_init(struct threadleak_events *events);

/* Takes a pair: called once the library has started, so that two pairs are there from then on. */
void clock_compare(void);

/* The counter must not be read from now on: PR_SET_TSC and PR_SET_SECCOMP of prctl(2). */
void clock_forbid_counter(void);

#define CLOCK_RATES 64 /* a power of two */

/* What turns ticks to nanoseconds, one for each of the last pairs. */
struct clock_rate {
    uint64_t ticks, ns; /* when it began */
    uint64_t span;      /* ticks for which it holds */
    uint64_t ns_x_32;   /* nanoseconds a tick, times 2^32 */
};

/* The newest rate is number `latest`, in entry latest % CLOCK_RATES. Each is written before `latest` says so,
 * and again when so many more pairs were taken. */
extern struct clock_state {
    bool has_counter;
    uint64_t latest;
    struct clock_rate rates[CLOCK_RATES];
} clock_state;

struct moment clock_without_counter(void);

/* Takes a pair, and with it the time. */
__attribute__((cold)) struct moment clock_take_pair(void);

static inline uint64_t clock_counter(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return 0;
#endif
}

static inline struct moment moment_now(void)
{
    if (!__atomic_load_n(&clock_state.has_counter, __ATOMIC_RELAXED))
        return clock_without_counter();
    struct moment now = {.ticks = clock_counter()};
    uint64_t number = __atomic_load_n(&clock_state.latest, __ATOMIC_ACQUIRE);
    const struct clock_rate *rate = &clock_state.rates[number % CLOCK_RATES];
    uint64_t since = now.ticks - __atomic_load_n(&rate->ticks, __ATOMIC_RELAXED);
    bool holds = since < __atomic_load_n(&rate->span, __ATOMIC_RELAXED); /* a counter that went back: no */
    uint64_t ns_x_32 = __atomic_load_n(&rate->ns_x_32, __ATOMIC_RELAXED);
    now.ns =
        __atomic_load_n(&rate->ns, __ATOMIC_RELAXED) + (uint64_t)((unsigned __int128)since * ns_x_32 >> 32);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    bool was_there = __atomic_load_n(&clock_state.latest, __ATOMIC_RELAXED) - number < CLOCK_RATES / 2;
    return __builtin_expect(holds && was_there, 1) ? now : clock_take_pair();
}

/* The same, if the history or the events will have it. */
static inline struct moment moment_to_note(void)
{
    return threadleak_registry.history || threadleak_registry.events ? moment_now() : (struct moment){0, 0};
}

#endif
