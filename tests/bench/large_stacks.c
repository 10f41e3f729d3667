/* SPDX-License-Identifier: MIT
 *
 * N threads with the default stack of 8 MiB that finished and were never
 * joined. Prints a line, and waits until its input ends.
 *
 * usage: large_stacks N
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *returns(void *arg)
{
    return arg;
}

int main(int argc, char **argv)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 8 << 20);
    for (int i = 0, count = argc > 1 ? atoi(argv[1]) : 500; i < count; i++) {
        pthread_t pthread;
        int error = pthread_create(&pthread, &attributes, returns, NULL);
        if (error) {
            fprintf(stderr, "large_stacks: pthread_create: error %d\n", error);
            return 1;
        }
    }
    puts("ready");
    fflush(stdout);
    return getchar() == EOF ? 0 : 1;
}
