/* SPDX-License-Identifier: MIT
 *
 * The owner of a mutex (recursive) ended without unlocking it.
 * stuck: waiter
 */
#include "owner_gone.h"

int main(void)
{
    wait_for_one_that_is_gone(PTHREAD_MUTEX_RECURSIVE);
}
