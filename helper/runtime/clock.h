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

/* The counter must not be read from now on: PR_SET_TSC of prctl(2). */
void clock_forbid_counter(void);

struct moment moment_now(void);

/* The same, if the history or the events will have it. */
static inline struct moment moment_to_note(void)
{
    return threadleak_registry.history || threadleak_registry.events ? moment_now() : (struct moment){0, 0};
}

#endif
