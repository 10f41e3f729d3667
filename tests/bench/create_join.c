/* SPDX-License-Identifier: MIT
 *
 * N times create+join of an empty function, from a stack of some depth: the program of the paired runs.
 * With "live" as second argument: N threads alive at once instead, and prints the resident KiB per thread.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sem_t gate;

static void *returns(void *arg)
{
    return arg;
}

static void *at_gate(void *arg)
{
    sem_wait(&gate);
    return arg;
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*s %ld", &pages) != 1)
        exit(1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void sequence(long n)
{
    for (long i = 0; i < n; i++) {
        pthread_t pthread;
        if (pthread_create(&pthread, NULL, returns, NULL) || pthread_join(pthread, NULL))
            exit(1);
    }
}

static void live(long n)
{
    pthread_t *pthread = calloc((size_t)n, sizeof *pthread);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 65536);
    memset(pthread, 1, (size_t)n * sizeof *pthread);
    long before = resident_kib();
    for (long i = 0; i < n; i++)
        if (pthread_create(&pthread[i], &attr, at_gate, NULL))
            exit(1);
    printf("%.3f\n", (double)(resident_kib() - before) / (double)n);
    for (long i = 0; i < n; i++)
        sem_post(&gate);
    for (long i = 0; i < n; i++)
        pthread_join(pthread[i], NULL);
    free(pthread);
}

__attribute__((noinline)) static int descend(int left, long n)
{
    volatile char frame[48];
    frame[0] = (char)left;
    if (left > 0)
        descend(left - 1, n);
    else
        sequence(n);
    return frame[0];
}

int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 20000;
    sem_init(&gate, 0, 0);
    if (argc > 2 && strcmp(argv[2], "live") == 0)
        live(n);
    else
        descend(10, n);
    return 0;
}
