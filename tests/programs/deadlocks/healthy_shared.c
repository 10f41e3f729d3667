/* SPDX-License-Identifier: MIT
 *
 * A ring over mutexes that other processes may unlock.
 * stuck:
 */
#include "opposite_order.h"

int main(void)
{
    lock_in_opposite_order(PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_SHARED);
}
