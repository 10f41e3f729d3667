/* SPDX-License-Identifier: MIT
 *
 * A thread that spins waits for nothing that the kernel knows of: it runs.
 * expect: running=yes
 */
#define SPINS
#include "waits.h"

static pthread_spinlock_t thing;

static void prepare(void)
{
    must(pthread_spin_init(&thing, 0) == 0 && pthread_spin_lock(&thing) == 0);
}

static void subject(void)
{
    arrive();
    pthread_spin_lock(&thing);
}
