/* SPDX-License-Identifier: MIT
 *
 * A condition variable after two signals: in the first group again of waiters.
 * expect: kind=condition_variable confidence=high object=thing mutex=mutex detail=1_waiting group=0
 */
#define SIGNALS 2
#include "signalled_pthread_condition.h"
