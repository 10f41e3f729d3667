/* SPDX-License-Identifier: MIT
 *
 * std::condition_variable after a signal: in the other group of waiters.
 * expect: kind=condition_variable confidence=high object=thing mutex=mutex detail=1_waiting group=1
 */
#define SIGNALS 1
#include "signalled_std_condition.h"
