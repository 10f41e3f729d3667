/* SPDX-License-Identifier: MIT
 *
 * OpenBLAS starts its threads when it is loaded.
 */
#include <cblas.h>

#include "background.h"

int main(void)
{
    static double a[64 * 64], b[64 * 64], c[64 * 64];
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, 64, 64, 64, 1, a, 64, b, 64, 0, c, 64);
    start_own();
    ready();
}
