/* SPDX-License-Identifier: MIT
 *
 * What the library takes of a thread's stack: at most 256 bytes, whatever it calls, and the smallest stack is
 * enough. Stacks are painted and looked at afterwards; bare calls go to libc directly.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "gate.h"

#define STACK_SIZE (256 * 1024)
#define PAINT 0xa5
#define MOST_STACK 256
#define SECOND 1000000000

/* Each as the program calls it, or as libc has it. */
static struct calls {
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    int (*join)(pthread_t, void **);
    int (*tryjoin)(pthread_t, void **);
    int (*timedjoin)(pthread_t, void **, const struct timespec *);
    int (*detach)(pthread_t);
    int (*name)(pthread_t, const char *);
} wrapped = {pthread_create,       pthread_join,   pthread_tryjoin_np,
             pthread_timedjoin_np, pthread_detach, pthread_setname_np},
  bare;

/* What a thread on a painted stack does, and to whom. */
struct task {
    const struct calls *calls;
    void (*act)(const struct task *);
    pthread_t target;
    pid_t target_tid, tid; /* change: 0 before they run */
    uint32_t go;           /* changes */
};

static void *returns(void *arg)
{
    return arg;
}

static void does_nothing(const struct task *task)
{
    (void)task;
}

static void creates_and_joins(const struct task *task)
{
    pthread_t pthread;
    if (task->calls->create(&pthread, NULL, returns, NULL) == 0)
        task->calls->join(pthread, NULL);
}

static void joins(const struct task *task)
{
    task->calls->join(task->target, NULL);
}

static void tries_to_join(const struct task *task)
{
    task->calls->tryjoin(task->target, NULL);
}

static const struct timespec past = {1, 0}, far_future = {LONG_MAX / 2, 0};

static void joins_for_a_while(const struct task *task)
{
    task->calls->timedjoin(task->target, NULL, &far_future);
}

static void joins_in_vain(const struct task *task)
{
    task->calls->timedjoin(task->target, NULL, &past);
}

static void detaches(const struct task *task)
{
    task->calls->detach(task->target);
}

static void names(const struct task *task)
{
    task->calls->name(task->target, "fifteen letters");
}

static void *acts(void *arg)
{
    struct task *task = arg;
    __atomic_store_n(&task->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
    AWAIT(__atomic_load_n(&task->go, __ATOMIC_ACQUIRE));
    task->act(task);
    return NULL;
}

static void *is_acted_on(void *arg)
{
    struct task *task = arg;
    __atomic_store_n(&task->target_tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
    return at_gate(arg);
}

enum target { NONE, RUNS, RUNS_AND_STAYS, ENDS_IN_JOIN, HAS_ENDED };

static const struct act {
    const char *name;
    void (*act)(const struct task *);
    enum target target;
} acts_of_a_thread[] = {
    {"return", does_nothing, NONE},
    {"create and join", creates_and_joins, NONE},
    {"join", joins, ENDS_IN_JOIN},
    {"join of one that has finished", joins, HAS_ENDED},
    {"tryjoin", tries_to_join, HAS_ENDED},
    {"tryjoin in vain", tries_to_join, RUNS_AND_STAYS},
    {"timedjoin", joins_for_a_while, ENDS_IN_JOIN},
    {"timedjoin of one that has finished", joins_for_a_while, HAS_ENDED},
    {"timedjoin in vain", joins_in_vain, RUNS_AND_STAYS},
    {"detach", detaches, RUNS},
    {"detach of one that has finished", detaches, HAS_ENDED},
    {"setname", names, RUNS_AND_STAYS},
};

static bool is_gone(pid_t tid)
{
    return syscall(SYS_tgkill, getpid(), tid, 0) && errno == ESRCH;
}

static size_t touched(const unsigned char *stack)
{
    size_t untouched = 0;
    while (untouched < STACK_SIZE && stack[untouched] == PAINT)
        untouched++;
    return STACK_SIZE - untouched;
}

/* All that is rare comes with the next event: a new second, minute and half hour begin, of the process and of
 * each place, and the clocks are compared, which they are every second. */
static void let_all_be_new(void)
{
    struct threadleak_history *history = (void *)(uintptr_t)threadleak_registry.history;
    const struct threadleak_events *events = (void *)(uintptr_t)threadleak_registry.events;
    uint64_t compared = 0;
    for (int i = 0; i < THREADLEAK_CLOCK_PAIRS; i++)
        compared = events->pairs[i].ns > compared ? events->pairs[i].ns : compared;
    compared += SECOND + SECOND / 100;
    const struct timespec until = {(time_t)(compared / SECOND), (long)(compared % SECOND)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    history->next_ns = 0;
    for (int i = 0; i < THREADLEAK_LEVELS; i++)
        history->levels[i].latest = 0;
    char *places = (char *)(uintptr_t)history->site_histories;
    for (uint32_t i = 0; i < history->site_used; i++) {
        char *place = places + (size_t)i * history->site_history_size;
        memset(place, 0, history->site_history_size);
    }
}

/* Bytes of stack that a thread needs for it. */
static size_t used(const struct act *act, const struct calls *calls, bool is_new)
{
    unsigned char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(stack, MAP_FAILED);
    memset(stack, PAINT, STACK_SIZE);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstack(&attr, stack, STACK_SIZE), 0);
    struct task task = {.calls = calls, .act = act->act};
    uint64_t id = view_next_id();
    if (act->target) {
        assert_int_equal(calls->create(&task.target, NULL, is_acted_on, &task), 0);
        AWAIT(__atomic_load_n(&task.target_tid, __ATOMIC_ACQUIRE));
    }
    if (act->target == HAS_ENDED) {
        sem_post(&gate);
        AWAIT(is_gone(task.target_tid));
    }
    pthread_t pthread;
    assert_int_equal(calls->create(&pthread, &attr, acts, &task), 0);
    AWAIT(__atomic_load_n(&task.tid, __ATOMIC_ACQUIRE));
    if (is_new)
        let_all_be_new();
    __atomic_store_n(&task.go, 1, __ATOMIC_RELEASE);
    if (act->target == ENDS_IN_JOIN) {
        if (calls == &wrapped)
            AWAIT(__atomic_load_n(&view_record(id)->join_begun_ns, __ATOMIC_ACQUIRE));
        sem_post(&gate);
    }
    AWAIT(is_gone(task.tid)); /* a join by us could be what is the first to see all the new */
    assert_int_equal(calls->join(pthread, NULL), 0);
    size_t bytes = touched(stack);
    munmap(stack, STACK_SIZE);
    if (act->target == RUNS || act->target == RUNS_AND_STAYS)
        sem_post(&gate);
    if (act->target == RUNS_AND_STAYS)
        assert_int_equal(calls->join(task.target, NULL), 0);
    return bytes;
}

static void stack_of_each_act(void **state)
{
    (void)state;
    bool all_within = true;
    print_message("stack, bytes more than bare                  usual   where all is new\n");
    for (size_t i = 0; i < sizeof acts_of_a_thread / sizeof acts_of_a_thread[0]; i++) {
        const struct act *act = &acts_of_a_thread[i];
        used(act, &bare, false);
        used(act, &wrapped, false); /* the first capture fills the cache of unwind rules */
        long without = (long)used(act, &bare, false);
        long usual = (long)used(act, &wrapped, false) - without;
        long when_new = (long)used(act, &wrapped, true) - without;
        print_message("%-44s %5ld %5ld\n", act->name, usual, when_new);
        all_within &= usual <= MOST_STACK && when_new <= MOST_STACK;
    }
    assert_true(all_within);
}

static void *creates_and_joins_one(void *arg)
{
    creates_and_joins(arg);
    return NULL;
}

static void the_smallest_stack_still_works(void **state)
{
    (void)state;
    struct task task = {.calls = &wrapped};
    pthread_attr_t attr;
    pthread_t pthread;
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN), 0);
    assert_int_equal(pthread_create(&pthread, &attr, creates_and_joins_one, &task), 0);
    assert_int_equal(pthread_join(pthread, NULL), 0);
}

static void *of_libc(void *libc, const char *name)
{
    void *function = dlsym(libc, name);
    assert_non_null(function);
    return function;
}

int main(void)
{
    alarm(60);
    sem_init(&gate, 0, 0);
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    *(void **)&bare.create = of_libc(libc, "pthread_create");
    *(void **)&bare.join = of_libc(libc, "pthread_join");
    *(void **)&bare.tryjoin = of_libc(libc, "pthread_tryjoin_np");
    *(void **)&bare.timedjoin = of_libc(libc, "pthread_timedjoin_np");
    *(void **)&bare.detach = of_libc(libc, "pthread_detach");
    *(void **)&bare.name = of_libc(libc, "pthread_setname_np");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stack_of_each_act),
        cmocka_unit_test(the_smallest_stack_still_works),
    };
    return cmocka_run_group_tests_name("footprint", tests, NULL, NULL);
}
