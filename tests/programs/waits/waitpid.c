/* SPDX-License-Identifier: MIT
 *
 * A child that goes on.
 * expect: kind=child_process confidence=exact call=wait4
 */
#include "waits.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static void prepare(void)
{
}

static void subject(void)
{
    pid_t child = fork();
    if (!child) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pause();
        _exit(0);
    }
    waitpid(child, NULL, 0);
}
