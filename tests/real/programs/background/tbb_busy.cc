/* SPDX-License-Identifier: MIT
 *
 * A task for TBB's threads that never ends.
 */
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include "background.h"

int main()
{
    tbb::global_control most(tbb::global_control::max_allowed_parallelism, 3);
    static tbb::task_arena arena(3);
    start_own();
    arena.enqueue([] { be_busy(); });
    ready();
}
