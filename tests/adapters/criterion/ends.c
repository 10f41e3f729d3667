/* SPDX-License-Identifier: MIT
 *
 * Tests of Criterion that end their process: all pass, bare, and one leaks. With the adapter if
 * WITH_ADAPTER is defined.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>
#ifdef WITH_ADAPTER
#include <threadleak/criterion.h>
#endif

#include "../threads.h"

Test(ends, joins)
{
    join_one();
}

Test(ends, exits, .exit_code = 0)
{
    join_one();
    exit(0);
}

Test(ends, exits_with_5, .exit_code = 5)
{
    join_one();
    exit(5);
}

Test(dies, by_exit_with_5, .exit_code = 5)
{
    join_one();
    _exit(5);
}

Test(dies, by_signal, .signal = SIGABRT)
{
    join_one();
    abort();
}

Test(leaks, at_exit, .exit_code = 0)
{
    leave_unjoined();
    exit(0);
}
