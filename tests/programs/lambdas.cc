// SPDX-License-Identifier: MIT
// Two pairs of threads that nobody joins, of two lambdas in one line. With optimization all that makes them
// is inlined, and the debug information calls both lambdas main::<lambda()>.
#include <pthread.h>
#include <thread>
#include <unistd.h>

static pthread_barrier_t all_run;

static void work(int seconds)
{
    pthread_barrier_wait(&all_run);
    sleep(seconds);
}

int main()
{
    pthread_barrier_init(&all_run, nullptr, 5);
    for (int i = 0; i < 2; i++)
        new std::thread([] { work(1000); }), new std::thread([] { work(2000); }); // made here
    pthread_barrier_wait(&all_run);
    exit(0);
}
