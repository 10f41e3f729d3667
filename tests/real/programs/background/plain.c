/* SPDX-License-Identifier: MIT
 *
 * A thread that was joined and one that stays: for libraries that are loaded beside it, as sanitizers are.
 */
#include "background.h"

static void *end(void *arg)
{
    return arg;
}

int main(void)
{
    pthread_t thread;
    must(!pthread_create(&thread, NULL, end, NULL) && !pthread_join(thread, NULL));
    free(malloc(1 << 22));
    start_own();
    ready();
}
