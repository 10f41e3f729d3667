/* SPDX-License-Identifier: MIT */
#include "cut_files.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARDS 4096

/* The handler looks through these without a lock. It can meet one that changes: of another thread, whose file
 * is not the one that it looks for. */
static struct guard {
    uintptr_t start; /* 0: not used */
    size_t size;
    bool was_cut;
} guards[GUARDS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned used; /* guards, from the first on, in which one is or was used */
static unsigned count;
static struct sigaction before;
static uintptr_t page;

static bool put_zeros(uintptr_t address)
{
    unsigned end = __atomic_load_n(&used, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < end; i++) {
        struct guard *guard = &guards[i];
        uintptr_t start = __atomic_load_n(&guard->start, __ATOMIC_ACQUIRE);
        if (!start || address - start >= guard->size)
            continue;
        uintptr_t from = address & -page;
        guard->was_cut = true;
        return mmap((void *)from, start + guard->size - from, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
    }
    return false;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    int error = errno;
    if (info->si_code == BUS_ADRERR && put_zeros((uintptr_t)info->si_addr)) {
        errno = error;
    } else if (before.sa_flags & SA_SIGINFO) {
        before.sa_sigaction(number, info, context);
    } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
        before.sa_handler(number);
    } else if (before.sa_handler == SIG_DFL || info->si_code > 0) {
        signal(number, SIG_DFL);
        raise(number); /* when this returns */
    }
}

static void handle(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    page = (uintptr_t)sysconf(_SC_PAGESIZE);
    sigaction(SIGBUS, &action, &before);
}

/* Unless somebody has put a handler before ours, which may know of ours. */
static void unhandle(void)
{
    struct sigaction now;
    if (!sigaction(SIGBUS, NULL, &now) && (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_bus_error)
        sigaction(SIGBUS, &before, NULL);
}

struct guard *guard_file(void *bytes, size_t size)
{
    struct guard *guard = NULL;
    pthread_mutex_lock(&lock);
    unsigned at = 0;
    while (at < GUARDS && guards[at].start)
        at++;
    if (at < GUARDS) {
        if (!count++)
            handle();
        guard = &guards[at];
        guard->size = size;
        guard->was_cut = false;
        __atomic_store_n(&guard->start, (uintptr_t)bytes, __ATOMIC_RELEASE);
        if (at == used)
            __atomic_store_n(&used, at + 1, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&lock);
    return guard;
}

void guard_end(struct guard *guard)
{
    if (!guard)
        return;
    pthread_mutex_lock(&lock);
    __atomic_store_n(&guard->start, 0, __ATOMIC_RELEASE);
    if (!--count)
        unhandle();
    pthread_mutex_unlock(&lock);
}

bool guard_was_cut(const struct guard *guard)
{
    return guard && __atomic_load_n(&guard->was_cut, __ATOMIC_RELAXED);
}
