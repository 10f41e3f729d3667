/* SPDX-License-Identifier: MIT
 *
 * variables_c.c - objects in variables of C; see variables.h.
 */
#include "variables.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

struct item {
    struct item *next;
    unsigned is_old : 1, kind : 3;
    pthread_mutex_t mutex;
};

typedef struct {
    pthread_mutex_t lock; /* where the whole begins too */
    pthread_cond_t ready;
    const volatile struct item items[3];
    struct {
        sem_t free;
        union {
            pthread_barrier_t barrier;
            uint64_t raw[8];
        };
    };
    union {
        int number;
        unsigned bits;
    } word;
} cache_t;

cache_t cache;
static cache_t const volatile caches[2][4] = {{{.word = {1}}}};
pthread_mutex_t lock;
static struct {
    int first;
    pthread_rwlock_t rwlock;
} nameless;
pthread_spinlock_t spin;
static char bytes[64];
pthread_mutex_t locks[10000];
static __thread pthread_mutex_t of_thread;

extern struct row named[];

__attribute__((noinline)) static void set_addresses(struct row *row)
{
    static cache_t inner;
    row->address = &inner.items[2].mutex;
    {
        static pthread_mutex_t innermost;
        row[1].address = &innermost;
    }
    row[2].address = &of_thread;
}

#define ROW(object, symbol, flags)                                                                           \
    {                                                                                                        \
        &object, #object, symbol, flags                                                                      \
    }

struct row named[] = {
    {NULL, "set_addresses::inner.items[2].mutex", NULL, IN_FUNCTION},
    {NULL, "set_addresses::innermost", NULL, IN_FUNCTION},
    {NULL, "", "", 0},
    ROW(cache.lock, "cache", EXPORTED),
    ROW(cache.ready, "cache+0x28", EXPORTED),
    {(char *)&cache.ready + 0x20, "cache.ready+0x20", "cache+0x48", EXPORTED},
    ROW(cache.items[0].next, "cache+0x58", EXPORTED),
    {(char *)&cache.items[1] + 8, "cache.items[1]+0x8", "cache+0x98", EXPORTED},
    ROW(cache.items[1].mutex, "cache+0xa0", EXPORTED),
    ROW(cache.free, "cache+0x100", EXPORTED),
    ROW(cache.barrier, "cache+0x120", EXPORTED),
    ROW(cache.raw[7], "cache+0x158", EXPORTED),
    {&cache.word.bits, "cache.word", "cache+0x160", EXPORTED},
    ROW(caches[1][3].items[2].mutex, "caches+0xab0", 0),
    ROW(lock, "lock", EXPORTED),
    {(char *)&lock + 4, "lock+0x4", "lock+0x4", EXPORTED},
    ROW(nameless.rwlock, "nameless+0x8", 0),
    ROW(spin, "spin", EXPORTED),
    {&bytes[10], "bytes[10]", "bytes+0xa", 0},
    {&locks[9999], "locks[9999]", "locks+0x61a58", EXPORTED},
    {&stdout, "stdout", "stdout", EXPORTED},
    {NULL, NULL, NULL, 0},
};

int main(void)
{
    set_addresses(named);
    if (write(1, "ready\n", 6) != 6)
        return 1;
    pause();
    return caches[0][0].word.number + nameless.first + bytes[0] + (int)spin;
}
