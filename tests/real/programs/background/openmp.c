/* SPDX-License-Identifier: MIT
 *
 * Three threads in a parallel region, of which the library keeps two; `own` is made inside the region.
 */
#include "background.h"

int main(void)
{
#pragma omp parallel num_threads(3)
    {
#pragma omp single
        start_own();
    }
    ready();
}
