/* SPDX-License-Identifier: MIT
 *
 * gate.h - threads that live until the test lets them go: one for each sem_post(&gate).
 */
#ifndef TESTS_GATE_H
#define TESTS_GATE_H

#include <semaphore.h>

#include "view.h"

static sem_t gate; /* sem_init'ed by main */

static inline void *at_gate(void *arg)
{
    while (sem_wait(&gate))
        ;
    return arg;
}

/* Creates a thread that must come to be, and returns the id of its record. */
static inline uint64_t create(pthread_t *pthread, void *(*start)(void *), void *arg)
{
    uint64_t id = view_next_id();
    assert_int_equal(pthread_create(pthread, NULL, start, arg), 0);
    return id;
}

#endif
