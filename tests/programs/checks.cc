// SPDX-License-Identifier: MIT
//
// Checks itself with threadleak.h, in the part that argv[1] names, and prints each result and, behind it, the
// first line of what the check says; what is to be found is said by tests/shell/test_checks.py.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <sched.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "scenario.h"
#include "threadleak.h"

static char message[2048];

static void print(int result)
{
    message[strcspn(message, "\n")] = '\0';
    printf("%d %s\n", result, result ? message : "");
    message[0] = '\0';
    fflush(stdout);
}

static threadleak_options now(unsigned flags = 0)
{
    threadleak_options how = THREADLEAK_OPTIONS_INIT;
    how.flags = flags;
    how.settle_ms = 0;
    how.message = message;
    how.room = sizeof message;
    return how;
}

static void *returns(void *arg)
{
    return arg;
}

static void *stays(void *arg)
{
    pause();
    return arg;
}

static pthread_t create(void *(*start)(void *), size_t stack = 0)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    if (stack)
        pthread_attr_setstacksize(&attributes, stack);
    if (pthread_create(&thread, &attributes, start, nullptr))
        abort();
    pthread_attr_destroy(&attributes);
    return thread;
}

/* Finished for the kernel too, and not joined. */
static void leave_unjoined(int count = 1, size_t stack = 0)
{
    int asleep, before = count_tasks(&asleep);
    for (int i = 0; i < count; i++)
        create(returns, stack);
    while (count_tasks(&asleep) > before)
        sched_yield();
}

static void unjoined()
{
    threadleak_options how = now();
    threadleak_scope_t scope = threadleak_scope_begin("Suite.unjoined");
    leave_unjoined();
    print(threadleak_scope_end(scope, &how));
}

/* Thread 1 created it, and joins it right after the check. */
static void joined_next()
{
    threadleak_options how = now();
    threadleak_scope_t scope = threadleak_scope_begin("Suite.joined_next");
    int asleep, before = count_tasks(&asleep);
    pthread_t thread;
    if (pthread_create(&thread, nullptr, returns, nullptr))
        abort();
    while (count_tasks(&asleep) > before)
        sched_yield();
    print(threadleak_scope_end(scope, &how));
    pthread_join(thread, nullptr);
}

static void *creates(void *arg)
{
    leave_unjoined();
    return arg;
}

static void creator_ended()
{
    threadleak_options how = now();
    threadleak_scope_t scope = threadleak_scope_begin("Suite.creator_ended");
    pthread_t creator;
    if (pthread_create(&creator, nullptr, creates, nullptr))
        abort();
    pthread_join(creator, nullptr);
    print(threadleak_scope_end(scope, &how));
}

static void outlived()
{
    threadleak_options how = now();
    threadleak_scope_t scope = threadleak_scope_begin("Suite.outlived");
    create(stays);
    create(stays);
    print(threadleak_scope_end(scope, &how));
    scope = threadleak_scope_begin("Suite.next");
    print(threadleak_scope_end(scope, &how));
    print(threadleak_verify_none(&how));
}

/* The second test, and all that come, are decided without an engine. */
static void pool()
{
    for (int i = 0; i < 3; i++) {
        threadleak_options how = now();
        threadleak_scope_t scope = threadleak_scope_begin("Suite.pool");
        create(stays);
        print(threadleak_scope_end(scope, &how));
    }
}

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both_hold;

static void *locks(void *is_first)
{
    pthread_mutex_t *mine = is_first ? &first : &second, *other = is_first ? &second : &first;
    pthread_mutex_lock(mine);
    pthread_barrier_wait(&both_hold);
    arrive();
    pthread_mutex_lock(other);
    return nullptr;
}

static void deadlock()
{
    threadleak_options how = now();
    threadleak_scope_t scope = threadleak_scope_begin("Suite.deadlock");
    pthread_barrier_init(&both_hold, nullptr, 2);
    for (void *is_first : {static_cast<void *>(nullptr), static_cast<void *>(&first)}) {
        pthread_t thread;
        if (pthread_create(&thread, nullptr, locks, is_first))
            abort();
    }
    await_arrivals(2);
    await_tasks(3);
    print(threadleak_scope_end(scope, &how));
}

static void ruled()
{
    threadleak_options how = now();
    create(stays);
    how.rules = "start:stays as this check knows";
    print(threadleak_verify_none(&how));
    how = now();
    print(threadleak_verify_none(&how));
}

static void many()
{
    threadleak_options how = now();
    threadleak_scope_t scope = threadleak_scope_begin("Suite.many");
    leave_unjoined(10000, 16384);
    print(threadleak_scope_end(scope, &how));
}

static void selftest()
{
    threadleak_options how = now();
    print(threadleak_selftest(&how));
    print(threadleak_verify_none(&how));
}

static void raii()
{
    threadleak_options how = now();
    int result = -5;
    {
        threadleak::scope test("Suite.raii", &result, &how);
        leave_unjoined();
    }
    print(result);
    result = -5;
    try {
        threadleak::scope test("Suite.throws", &result, &how);
        leave_unjoined();
        throw std::runtime_error("on its way");
    } catch (const std::exception &) {
    }
    printf("%d after an exception\n", result);
    struct checks_while_unwinding {
        int *result;
        const threadleak_options *how;
        ~checks_while_unwinding()
        {
            threadleak::scope test("Suite.in a destructor", result, how);
            leave_unjoined();
        }
    };
    try {
        checks_while_unwinding object = {&result, &how};
        throw std::runtime_error("on its way");
    } catch (const std::exception &) {
    }
    print(result);
    threadleak::scope test("Suite.ended by hand", nullptr, &how);
    print(test.end());
    print(test.end());
}

static void expects()
{
    threadleak_options how = now();
    threadleak_scope_t scope = threadleak_scope_begin("Suite.expects one");
    threadleak_expect(1);
    create(stays);
    print(threadleak_scope_end(scope, &how));
    scope = threadleak_scope_begin("Suite.expects three");
    threadleak_expect(3);
    create(stays);
    print(threadleak_scope_end(scope, &how));
}

/* A thread that no wrapper sees. */
static void untracked()
{
    static char stack[65536] __attribute__((aligned(16)));
    threadleak_options how = now();
    clone_raw(stack + sizeof stack);
    print(threadleak_verify_none(&how));
    print(threadleak_verify_none(&how));
    how = now(THREADLEAK_STRICT);
    print(threadleak_verify_none(&how));
}

static void quiet()
{
    threadleak_options how = now(THREADLEAK_QUIET);
    leave_unjoined();
    print(threadleak_verify_none(&how));
}

/* Its own user may not look at it; root may, so that it is nobody's. */
static void undumpable()
{
    const unsigned nobody = 65534;
    threadleak_options how = now();
    if (geteuid() == 0 && (setgid(nobody) || setuid(nobody)))
        abort();
    prctl(PR_SET_DUMPABLE, 0);
    leave_unjoined();
    print(threadleak_verify_none(&how));
    create(stays);
    print(threadleak_verify_none(&how));
}

static void copy()
{
    threadleak_options how = now();
    create(stays);
    long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); /* as fork, without its handlers */
    if (child == 0) {
        print(threadleak_verify_none(&how));
        _exit(0);
    }
    waitpid(static_cast<pid_t>(child), nullptr, 0);
}

/* All other parts end by _exit, unchecked. */
static void exits()
{
    unjoined();
    exit(0);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)();
    } parts[] = {{"unjoined", unjoined},
                 {"exits", exits},
                 {"outlived", outlived},
                 {"pool", pool},
                 {"many", many},
                 {"deadlock", deadlock},
                 {"ruled", ruled},
                 {"selftest", selftest},
                 {"raii", raii},
                 {"expects", expects},
                 {"untracked", untracked},
                 {"quiet", quiet},
                 {"undumpable", undumpable},
                 {"copy", copy},
                 {"joined_next", joined_next},
                 {"creator_ended", creator_ended}};
    for (const auto &part : parts)
        if (argc > 1 && strcmp(argv[1], part.name) == 0)
            part.run();
    fflush(stdout);
    _exit(0);
}
