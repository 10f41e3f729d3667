/* SPDX-License-Identifier: MIT */
#include "pool.h"

int main(void)
{
    pool_start();
    pool_stop();
    return 0;
}
