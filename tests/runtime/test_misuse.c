/* SPDX-License-Identifier: MIT
 *
 * A pthread_t that is used when it must not be: what is said, before libc does whatever it does. And nothing
 * is said of right use, also where libc gives a pthread_t to the next thread at once.
 */
#include <dlfcn.h>
#include <regex.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <threads.h>

#include "play.h"

static sem_t gate;

static void *at_gate(void *arg)
{
    while (sem_wait(&gate))
        ;
    return arg;
}

static void *returns(void *arg)
{
    return arg;
}

static int c11_returns(void *arg)
{
    return arg != NULL;
}

/* ---- the parts ------------------------------------------------------------------------------- */

static void join_twice(void)
{
    pthread_t pthread;
    pthread_create(&pthread, NULL, returns, NULL);
    pthread_join(pthread, NULL);
    for (int i = 0; i < 3; i++) /* one place */
        if (pthread_join(pthread, NULL) != ESRCH)
            exit(1);
}

static void c11_join_twice(void)
{
    thrd_t thr;
    thrd_create(&thr, c11_returns, NULL);
    thrd_join(thr, NULL);
    if (thrd_join(thr, NULL) == thrd_success)
        exit(1);
}

static void join_after_detach(void)
{
    pthread_t pthread;
    pthread_create(&pthread, NULL, at_gate, NULL);
    pthread_detach(pthread);
    if (pthread_join(pthread, NULL) != EINVAL || pthread_tryjoin_np(pthread, NULL) == 0)
        exit(1);
}

static void join_after_detached_end(void)
{
    pthread_t pthread;
    uint64_t id = view_next_id();
    pthread_create(&pthread, NULL, at_gate, NULL);
    pthread_detach(pthread);
    sem_post(&gate);
    AWAIT(!view_record(id));
    if (pthread_join(pthread, NULL) != EINVAL)
        exit(1);
}

static void join_after_detach_at_end(void)
{
    pthread_t pthread;
    uint64_t id = view_next_id();
    pthread_create(&pthread, NULL, returns, NULL);
    AWAIT(view_state(id) & THREADLEAK_STATE_FINISHED);
    pthread_detach(pthread);
    if (pthread_join(pthread, NULL) != EINVAL)
        exit(1);
}

static void join_born_detached(void)
{
    pthread_t pthread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_create(&pthread, &attr, at_gate, NULL);
    if (pthread_join(pthread, NULL) != EINVAL)
        exit(1);
}

static void detach_twice(void)
{
    pthread_t pthread;
    pthread_create(&pthread, NULL, at_gate, NULL);
    pthread_detach(pthread);
    if (pthread_detach(pthread) != EINVAL)
        exit(1);
}

static void detach_after_join(void)
{
    pthread_t pthread;
    pthread_create(&pthread, NULL, returns, NULL);
    pthread_join(pthread, NULL);
    if (pthread_detach(pthread) != ESRCH)
        exit(1);
}

static void join_self(void)
{
    if (pthread_join(pthread_self(), NULL) != EDEADLK)
        exit(1);
}

static pthread_t both;

static void *joins_both(void *arg)
{
    pthread_join(both, NULL);
    return arg;
}

static char state_of(uint32_t tid)
{
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/self/task/%u/stat", tid);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    if (file)
        fclose(file);
    return state;
}

static void two_joins(void)
{
    pthread_t joiner;
    uint64_t id = view_next_id();
    pthread_create(&both, NULL, at_gate, NULL);
    pthread_create(&joiner, NULL, joins_both, NULL);
    AWAIT(view_record(id)->joiner == id + 1);
    AWAIT(state_of(view_record(id + 1)->tid) == 'S');
    const struct timespec past = {0, 0};
    pthread_timedjoin_np(both, NULL, &past);
    sem_post(&gate);
    pthread_join(joiner, NULL);
}

static void join_null(void)
{
    if (pthread_join(0, NULL) != ESRCH)
        exit(1);
}

static void join_garbage(void)
{
    pthread_join((pthread_t)0x123456789abc0, NULL);
}

static void join_object(void)
{
    static uint64_t memory[1024];
    memory[512] = 1;
    pthread_detach((pthread_t)&memory[512]);
}

/* A stack so large that libc does not keep it, so that the memory behind the pthread_t is gone. */
static void join_unmapped(void)
{
    pthread_t pthread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 << 20);
    pthread_create(&pthread, &attr, returns, NULL);
    pthread_join(pthread, NULL);
    pthread_join(pthread, NULL);
}

/* ---- right use ------------------------------------------------------------------------------- */

#define WORKERS 8
#define ROUNDS 2000

static void *churns(void *arg)
{
    pthread_attr_t attr;
    pthread_t pthread;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < ROUNDS; i++) {
        if (pthread_create(&pthread, i % 7 == 6 ? &attr : NULL, returns, NULL))
            continue;
        if (i % 7 < 3)
            pthread_join(pthread, NULL);
        else if (i % 7 < 5)
            pthread_detach(pthread);
        else if (i % 7 == 5)
            while (pthread_tryjoin_np(pthread, NULL) == EBUSY)
                ;
    }
    return arg;
}

static void churn(void)
{
    pthread_t workers[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&workers[i], NULL, churns, NULL);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(workers[i], NULL);
}

#define CROWD 3000

/* More than the library remembers. */
static void crowd(void)
{
    static pthread_t pthreads[CROWD];
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 65536);
    for (int i = 0; i < CROWD; i++)
        if (pthread_create(&pthreads[i], &attr, at_gate, NULL))
            exit(1);
    for (int i = 0; i < CROWD; i++)
        sem_post(&gate);
    for (int i = 0; i < CROWD; i++)
        if (i % 2 ? pthread_join(pthreads[i], NULL) : pthread_detach(pthreads[i]))
            exit(1);
}

/* A thread that no wrapper saw. */
static void unseen(void)
{
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    __typeof__(pthread_create) *create = (__typeof__(pthread_create) *)dlsym(libc, "pthread_create");
    pthread_t pthread;
    for (int i = 0; i < 100; i++) {
        if (create(&pthread, NULL, returns, NULL) || pthread_join(pthread, NULL))
            exit(1);
        if (create(&pthread, NULL, returns, NULL) || pthread_detach(pthread))
            exit(1);
    }
}

/* The joins of a fork child are its own. */
static void forked(void)
{
    pthread_t pthread;
    pthread_create(&pthread, NULL, returns, NULL);
    pthread_join(pthread, NULL);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 100; i++) {
            pthread_create(&pthread, NULL, returns, NULL);
            pthread_join(pthread, NULL);
        }
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static const struct part {
    const char *name;
    void (*run)(void);
} parts[] = {
#define PART(name)                                                                                           \
    {                                                                                                        \
#name, name                                                                                          \
    }
    PART(join_twice),
    PART(c11_join_twice),
    PART(join_after_detach),
    PART(join_after_detached_end),
    PART(join_after_detach_at_end),
    PART(join_born_detached),
    PART(detach_twice),
    PART(detach_after_join),
    PART(join_self),
    PART(two_joins),
    PART(join_null),
    PART(join_garbage),
    PART(join_object),
    PART(join_unmapped),
    PART(churn),
    PART(crowd),
    PART(unseen),
    PART(forked),
};

/* ---- what is said ---------------------------------------------------------------------------- */

#define PLACE "0x[0-9a-f]* ([^ ]*/test_misuse+0x[0-9a-f]*)"

/* It ends with `status`, or by a signal (0: any one), having written lines that match `expected`, in which
 * `@` is a place. */
static void check(const char *part, int signal, const char *expected)
{
    char pattern[2000] = "^";
    regex_t regex;
    for (const char *at = expected; *at; at++)
        sprintf(pattern + strlen(pattern), *at == '@' ? PLACE : "%c", *at);
    strcat(pattern, "$");
    struct played played = play(part, "misuse=1");
    assert_int_equal(regcomp(&regex, pattern, 0), 0);
    if (regexec(&regex, played.err, 0, NULL, 0))
        fail_msg("%s wrote: %s\nnot: %s", part, played.err, pattern);
    regfree(&regex);
    if (!signal)
        assert_exit_status(&played, 0);
    else
        assert_true(WIFSIGNALED(played.status) && WTERMSIG(played.status) == signal);
    played = play(part, "misuse=0");
    assert_string_equal(played.err, "");
}

static void used_again(void **state)
{
    (void)state;
    check("join_twice", 0, "threadleak: thread 2 is joined twice: at @, and before at @; created at @\n");
    check("c11_join_twice", 0, "threadleak: thread 2 is joined twice: at @, and before at @; created at @\n");
    check("join_after_detach", 0,
          "threadleak: thread 2 is joined although it was detached: at @, and detached at @; created at @\n"
          "threadleak: thread 2 is joined although it was detached: at @, and detached at @; created at @\n");
    check("join_after_detached_end", 0,
          "threadleak: thread 2 is joined although it was detached: at @, and detached at @; created at @\n");
    check("join_after_detach_at_end", 0,
          "threadleak: thread 2 is joined although it was detached: at @, and detached at @; created at @\n");
    check("join_born_detached", 0,
          "threadleak: thread 2 is joined although it was created detached: at @; created at @\n");
    check("detach_twice", 0, "threadleak: thread 2 is detached twice: at @, and before at @; created at @\n");
    check("detach_after_join", 0,
          "threadleak: thread 2 is detached although it was joined: at @, and joined at @; created at @\n");
    check(
        "two_joins", 0,
        "threadleak: thread 2 is joined by two threads at once: at @, and by thread 3 at @; created at @\n");
    check("join_self", 0, "threadleak: thread 1 joins itself: at @\n");
}

static void said_before_it_crashes(void **state)
{
    (void)state;
    check("join_null", 0, "threadleak: 0x0 is joined, but is no thread: at @\n");
    check("join_garbage", SIGSEGV, "threadleak: 0x123456789abc0 is joined, but is no thread: at @\n");
    check("join_unmapped", SIGSEGV,
          "threadleak: thread 2 is joined twice: at @, and before at @; created at @\n");
    check("join_object", 0, "threadleak: 0x[0-9a-f]* is detached, but is no thread: at @\n");
}

static void nothing_is_said_of_right_use(void **state)
{
    (void)state;
    check("churn", 0, "");
    check("crowd", 0, "");
    check("unseen", 0, "");
    check("forked", 0, "");
}

int main(int argc, char **argv)
{
    sem_init(&gate, 0, 0);
    for (size_t i = 0; argc > 1 && i < sizeof parts / sizeof parts[0]; i++)
        if (strcmp(parts[i].name, argv[1]) == 0) {
            const struct rlimit no_core = {0, 0};
            setrlimit(RLIMIT_CORE, &no_core);
            parts[i].run();
            return 0;
        }
    if (argc > 1)
        return 127;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(used_again),
        cmocka_unit_test(said_before_it_crashes),
        cmocka_unit_test(nothing_is_said_of_right_use),
    };
    return cmocka_run_group_tests_name("misuse", tests, NULL, NULL);
}
