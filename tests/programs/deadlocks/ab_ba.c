/* SPDX-License-Identifier: MIT
 *
 * Two threads lock two mutexes in opposite order.
 * stuck: first second
 */
#include "opposite_order.h"

int main(void)
{
    must(pthread_barrier_init(&all_hold, NULL, 2) == 0);
    start("first", first);
    start("second", second);
    be_looked_at(3);
}
