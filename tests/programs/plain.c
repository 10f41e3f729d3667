/* SPDX-License-Identifier: MIT
 *
 * The least that a program with a leak can be: it calls pthread_create and nothing else that the library
 * stands in front of. To be reported: 1 unjoined thread of 2.
 */
#include "scenario.h"

static void *work(void *arg)
{
    return arg;
}

int main(void)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, work, NULL) == 0); /* creates it */
    be_looked_at(1);
}
