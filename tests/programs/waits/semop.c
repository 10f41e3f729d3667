/* SPDX-License-Identifier: MIT
 *
 * A semaphore of System V.
 * expect: kind=semaphore_set confidence=exact
 */
#include "waits.h"

#include <sys/sem.h>

static int set;

static void remove_it(void)
{
    semctl(set, 0, IPC_RMID);
}

static void prepare(void)
{
    set = semget(IPC_PRIVATE, 1, 0600);
    must(set >= 0);
    remove_at_end(remove_it);
}

static void subject(void)
{
    struct sembuf operation = {0, -1, 0};
    semop(set, &operation, 1);
}
