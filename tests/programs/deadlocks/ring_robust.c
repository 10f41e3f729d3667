/* SPDX-License-Identifier: MIT
 *
 * A ring over two mutexes (robust) whose owners live.
 * stuck: first second
 */
#include "opposite_order.h"

int main(void)
{
    lock_in_opposite_order(PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_PRIVATE);
}
