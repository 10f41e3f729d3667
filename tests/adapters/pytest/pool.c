/* SPDX-License-Identifier: MIT
 *
 * Native code that the Python example calls: it stands for a C extension.
 */
#include "../threads.h"

void pool_join_one(void)
{
    join_one();
}

void pool_leave_unjoined(void)
{
    leave_unjoined();
}

void pool_leave_alive(void)
{
    leave_alive();
}

pthread_t pool_start(void)
{
    return start(finish_at_once);
}

void pool_join(pthread_t thread)
{
    join(thread);
}
