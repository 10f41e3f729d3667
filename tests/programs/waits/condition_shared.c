/* SPDX-License-Identifier: MIT
 *
 * A condition variable that other processes may signal.
 * expect: kind=condition_variable confidence=high object=thing mutex=mutex shared=yes
 */
#include "waits.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t thing;

static void prepare(void)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    must(pthread_cond_init(&thing, &attributes) == 0);
}

static void subject(void)
{
    must(pthread_mutex_lock(&mutex) == 0);
    pthread_cond_wait(&thing, &mutex);
}
