/* SPDX-License-Identifier: MIT
 *
 * Three threads in a parallel region that the first one never leaves. One of the library's threads is at its
 * end and waits, the other one runs a function of the program's.
 */
#include <omp.h>

#include "background.h"

int main(void)
{
    start_own();
#pragma omp parallel num_threads(3)
    {
        if (omp_get_thread_num() == 0)
            ready();
        else if (omp_get_thread_num() == 1)
            be_busy();
    }
}
