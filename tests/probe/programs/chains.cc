// SPDX-License-Identifier: MIT
//
// Threads that wait in pause(), each at the end of a chain of calls that test_unwind.c and test_symbols.c
// know. Lines are found by the comments "here: NAME".
//
// usage: chains [LIBRARY]   a library is loaded, and its function `plugged` called with one to call
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APART __attribute__((noinline))
#define LAST asm volatile("") // what comes before is no jump then, which would leave no frame

int variable[4] = {1, 2, 3, 4};

struct Shape {
    virtual int area();
};
int Shape::area()
{
    return 1;
}
Shape shape;

static unsigned arrived, started;

APART static void block()
{
    __atomic_add_fetch(&arrived, 1, __ATOMIC_RELAXED);
    pause(); // here: block
    LAST;
}

inline __attribute__((always_inline)) void inlined(int n)
{
    if (n)
        block(); // here: inlined
    LAST;
}

namespace app
{
namespace
{
template <class T> struct Pool {
    template <class U> APART static T run(U n)
    {
        inlined((int)n + 1); // here: run
        LAST;
        return T();
    }
    APART void member(const char *text) const
    {
        inlined(*text); // here: member
        LAST;
    }
};
} // namespace
} // namespace app

template <class T> APART T exported(T n)
{
    app::Pool<int>::run(n); // here: exported
    LAST;
    return n;
}

APART void moving_frame(size_t size)
{
    char *bytes = (char *)__builtin_alloca(size);
    memset(bytes, 1, size);
    asm volatile("" : : "r"(bytes) : "memory");
    block(); // here: moving_frame
    asm volatile("" : : "r"(bytes) : "memory");
}

APART int recurse(int n)
{
    int depth = 0;
    if (n)
        depth = 1 + recurse(n - 1); // here: recurse
    else
        block();
    LAST;
    return depth;
}

static void on_signal(int)
{
    block(); // here: on_signal
    LAST;
}

extern "C" void *in_template(void *)
{
    exported(1L); // here: in_template
    LAST;
    return nullptr;
}

static void *in_member(void *)
{
    app::Pool<int>().member("x");
    LAST;
    return nullptr;
}

static void *in_alloca(void *)
{
    moving_frame(100);
    LAST;
    return nullptr;
}

static void *in_recursion(void *)
{
    recurse(300);
    LAST;
    return nullptr;
}

static void *in_fault(void *nowhere)
{
    *(volatile int *)nowhere = 1; // here: in_fault
    LAST;
    return nullptr;
}

static void *in_signal(void *)
{
    stack_t stack = {};
    stack.ss_size = 65536;
    stack.ss_sp = malloc(stack.ss_size);
    sigaltstack(&stack, nullptr);
    raise(SIGUSR1);
    LAST;
    return nullptr;
}

static void *in_lambda(void *)
{
    auto lambda = [](int n) APART {
        block(); // here: lambda
        LAST;
        return n;
    };
    lambda(1);
    LAST;
    return nullptr;
}

#ifdef __x86_64__
// Without optimization frames are found by %rbp: here the caller's leads back to this frame, for ever.
__attribute__((noinline, optimize("O0"))) static void damaged()
{
    *(void **)__builtin_frame_address(0) = __builtin_frame_address(0);
    block();
}

__attribute__((noinline, optimize("O0"))) static void *in_damaged(void *)
{
    damaged();
    return nullptr;
}
#endif

static void *in_library(void *function)
{
    ((void (*)(void (*)()))function)(block);
    LAST;
    return nullptr;
}

static void start(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    started += pthread_create(&thread, nullptr, function, argument) == 0;
}

int main(int argc, char **argv)
{
    struct sigaction action = {};
    action.sa_handler = on_signal;
    sigaction(SIGSEGV, &action, nullptr);
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR1, &action, nullptr);
    start(in_template, nullptr);
    start(in_member, nullptr);
    start(in_alloca, nullptr);
    start(in_recursion, nullptr);
    start(in_fault, nullptr);
    start(in_signal, nullptr);
    start(in_lambda, nullptr);
#ifdef __x86_64__
    start(in_damaged, nullptr);
#endif
    if (argc > 1) {
        void *library = dlopen(argv[1], RTLD_NOW);
        void *plugged = library ? dlsym(library, "plugged") : nullptr;
        if (!plugged)
            return 1;
        start(in_library, plugged);
    }
    while (__atomic_load_n(&arrived, __ATOMIC_RELAXED) < started)
        usleep(1000);
    printf("ready\n");
    fflush(stdout);
    block(); // here: main
}
