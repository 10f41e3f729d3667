/* SPDX-License-Identifier: MIT
 *
 * bench_capture.c - nanoseconds for a creation stack, warm, beside what else there is to take one with.
 * Thread CPU time, median of 9. Build it with -O2 -fomit-frame-pointer.
 */
#include <execinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unwind.h>

#include "capture.h"
#include "modules.h"

#define RUNS 9
#define FRAMES_MAX 64

static uint64_t frames[FRAMES_MAX];
static void *addresses[FRAMES_MAX];
static unsigned wanted;

struct trace {
    unsigned count;
};

static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *argument)
{
    struct trace *trace = argument;
    if (trace->count == wanted)
        return _URC_END_OF_STACK;
    addresses[trace->count++] = (void *)_Unwind_GetIP(context);
    return _URC_NO_REASON;
}

static __attribute__((noinline)) unsigned by_capture(void)
{
    struct capture_start start;
    uint32_t flags;
    CAPTURE_CALLER(start);
    return capture_stack(&start, frames, wanted, &flags);
}

static __attribute__((noinline)) unsigned by_backtrace(void)
{
    return (unsigned)backtrace(addresses, (int)wanted);
}

static __attribute__((noinline)) unsigned by_unwind(void)
{
    struct trace trace = {0};
    _Unwind_Backtrace(note, &trace);
    return trace.count;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *frame_kind, const char *name, unsigned (*take)(void), unsigned loops)
{
    double times[RUNS];
    unsigned count = take();
    for (int run = 0; run < RUNS; run++) {
        double begin = now();
        for (unsigned i = 0; i < loops; i++)
            take();
        times[run] = (now() - begin) / loops;
    }
    qsort(times, RUNS, sizeof times[0], compare);
    printf("%-6s %-18s %3u frames %9.1f ns\n", frame_kind, name, count, times[RUNS / 2]);
}

static void measure_all(const char *frame_kind)
{
    measure(frame_kind, "capture_stack", by_capture, 200000);
    measure(frame_kind, "_Unwind_Backtrace", by_unwind, 4000);
    measure(frame_kind, "backtrace", by_backtrace, 4000);
}

#define USE(object) __asm__ volatile("" : : "r"(object) : "memory")

/* Different functions, so that the walk meets different rules. */
#define FIXED(n, bytes)                                                                                      \
    static __attribute__((noinline)) void fixed_##n(unsigned depth);                                         \
    static void (*volatile next_fixed_##n)(unsigned);                                                        \
    static __attribute__((noinline)) void fixed_##n(unsigned depth)                                          \
    {                                                                                                        \
        char room[bytes];                                                                                    \
        USE(room);                                                                                           \
        if (depth)                                                                                           \
            next_fixed_##n(depth - 1);                                                                       \
        else                                                                                                 \
            measure_all("fixed");                                                                            \
        USE(room);                                                                                           \
    }

#define VARIABLE(n, bytes)                                                                                   \
    static __attribute__((noinline)) void variable_##n(unsigned depth);                                      \
    static void (*volatile next_variable_##n)(unsigned);                                                     \
    static __attribute__((noinline)) void variable_##n(unsigned depth)                                       \
    {                                                                                                        \
        char room[bytes + depth * 24];                                                                       \
        USE(room);                                                                                           \
        if (depth)                                                                                           \
            next_variable_##n(depth - 1);                                                                    \
        else                                                                                                 \
            measure_all("VLA");                                                                              \
        USE(room);                                                                                           \
    }

FIXED(a, 8)
FIXED(b, 40)
FIXED(c, 200)
FIXED(d, 1000)
VARIABLE(a, 8)
VARIABLE(b, 40)
VARIABLE(c, 200)
VARIABLE(d, 1000)

int main(void)
{
    static struct threadleak_table table;
    static const unsigned sizes[] = {5, 11, 16, 32};
    modules_init(&table);
    next_fixed_a = fixed_b;
    next_fixed_b = fixed_c;
    next_fixed_c = fixed_d;
    next_fixed_d = fixed_a;
    next_variable_a = variable_b;
    next_variable_b = variable_c;
    next_variable_c = variable_d;
    next_variable_d = variable_a;
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        wanted = sizes[i];
        fixed_a(32);
        variable_a(32);
    }
    return 0;
}
