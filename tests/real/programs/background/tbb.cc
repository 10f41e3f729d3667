/* SPDX-License-Identifier: MIT
 *
 * Work for TBB's threads, one piece of which makes `own`. It goes on until a worker has come.
 */
#include <atomic>

#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

#include "background.h"

int main()
{
    tbb::global_control most(tbb::global_control::max_allowed_parallelism, 3);
    pthread_t first = pthread_self();
    std::atomic<bool> others{false};
    while (!others)
        tbb::parallel_for(0, 1000, [&](int) {
            if (!pthread_equal(pthread_self(), first))
                others = true;
            usleep(10);
        });
    tbb::parallel_for(0, 1, [](int) { start_own(); });
    ready();
}
