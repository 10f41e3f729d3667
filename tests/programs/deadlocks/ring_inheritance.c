/* SPDX-License-Identifier: MIT
 *
 * A ring over two mutexes (inheritance) whose owners live.
 * stuck: first second
 */
#include "opposite_order.h"

int main(void)
{
    lock_in_opposite_order(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
}
