/* SPDX-License-Identifier: MIT
 *
 * Ends in each possible way, with or without threads left behind: exits WHAT-IS-LEFT HOW. Exit handlers say
 * on stderr that they run; stdout is not flushed by the program.
 */
#include <dlfcn.h>
#include <err.h>
#include <execinfo.h>
#include <signal.h>
#include <sys/wait.h>

#include "scenario.h"
#include "threadleak.h"

static void *stay(void *arg)
{
    name_me("stays");
    block();
    return arg;
}

static void *finish(void *arg)
{
    return arg;
}

static pthread_key_t key;

/* A destructor that sets its value anew is called again. */
static void block_in_third_round(void *round)
{
    static char rounds[3];
    if (round == &rounds[2])
        block();
    must(pthread_setspecific(key, round == rounds ? &rounds[1] : &rounds[2]) == 0);
}

static void *end_late(void *arg)
{
    static char first_round;
    must(pthread_setspecific(key, &first_round) == 0);
    return arg;
}

static void say(const char *what)
{
    must(write(STDERR_FILENO, what, strlen(what)) == (ssize_t)strlen(what));
}

static void handler(void)
{
    say("handler\n");
}

typedef int create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/* past: an unjoined one that a preloaded library does not see being created. */
static void leave(const char *what)
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    if (strncmp(what, "detached", strlen("detached")) == 0)
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (strcmp(what, "alive") == 0 || strcmp(what, "detached") == 0) {
        must(pthread_create(&thread, &attr, stay, NULL) == 0);
        await_arrivals(1);
    } else if (strcmp(what, "ending") == 0 || strcmp(what, "detached_ending") == 0) {
        must(pthread_key_create(&key, block_in_third_round) == 0);
        must(pthread_create(&thread, &attr, end_late, NULL) == 0);
        await_arrivals(1);
    } else if (strcmp(what, "past") == 0) {
        create *past = (create *)dlsym(dlopen("libc.so.6", RTLD_LAZY), "pthread_create");
        must(past != NULL && past(&thread, NULL, finish, NULL) == 0);
        await_tasks(1);
    } else if (strcmp(what, "unjoined") == 0) {
        must(pthread_create(&thread, NULL, finish, NULL) == 0);
        await_tasks(1);
    } else if (strcmp(what, "joined") == 0) {
        must(pthread_create(&thread, NULL, finish, NULL) == 0);
        must(pthread_join(thread, NULL) == 0);
    }
}

static void exit_0(void)
{
    exit(0);
}

static void exit_4(void)
{
    exit(4);
}

static void quick(void)
{
    at_quick_exit(handler);
    quick_exit(0);
}

static void err_0(void)
{
    errx(0, "all is well");
}

static void err_1(void)
{
    errx(1, "it is not");
}

static void *exits(void *arg)
{
    exit(0);
    return arg;
}

/* The thread that exits does not count. */
static void exit_by_thread(void)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, exits, NULL) == 0);
    for (;;)
        pause();
}

static pthread_t main_thread;

/* The last thread of the process: libc calls exit(0) on it. */
static void *ends_after_main(void *arg)
{
    pthread_join(main_thread, NULL);
    return arg;
}

static void exit_by_last_thread(void)
{
    pthread_t thread;
    main_thread = pthread_self();
    must(pthread_create(&thread, NULL, ends_after_main, NULL) == 0);
    must(pthread_detach(thread) == 0);
    pthread_exit(NULL);
}

static void exit_in_handler(void)
{
    must(atexit(exit_0) == 0);
    exit(4);
}

static void exit_by_two(void)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, exits, NULL) == 0);
    exit(0);
}

static pthread_barrier_t all_exit;

static void *exits_with_others(void *arg)
{
    pthread_barrier_wait(&all_exit);
    exit(0);
    return arg;
}

/* At once, while main waits. */
static void exit_by_threads(unsigned count)
{
    pthread_t thread;
    pthread_barrier_init(&all_exit, NULL, count);
    for (unsigned i = 0; i < count; i++)
        must(pthread_create(&thread, NULL, exits_with_others, NULL) == 0);
    for (;;)
        pause();
}

static void exit_by_two_threads(void)
{
    exit_by_threads(2);
}

static void exit_by_eight_threads(void)
{
    exit_by_threads(8);
}

static void exit_at_once(void)
{
    _exit(0);
}

static void leave_one_and_cut(void)
{
    leave("alive");
    _exit(0);
}

/* What leaks is created after the exit has begun. */
static void cut_in_handler(void)
{
    must(atexit(leave_one_and_cut) == 0);
    exit(0);
}

static void exit_disarmed(void)
{
    threadleak_disarm();
    exit(0);
}

static void on_signal(int number)
{
    (void)number;
    exit(0);
}

static void exit_in_signal_handler(void)
{
    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
}

static int status_of(pid_t child)
{
    int status;
    must(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The children say how they ended; the parent has left its threads by then. */
static void exit_of_children(void)
{
    fflush(stdout);
    pid_t clean = fork();
    if (clean == 0)
        exit(0);
    int first = status_of(clean);
    pid_t leaks = fork();
    if (leaks == 0) {
        leave("unjoined");
        exit(0);
    }
    int second = status_of(leaks);
    pid_t copy = _Fork();
    if (copy == 0)
        exit(0);
    printf("children: %d %d %d\n", first, second, status_of(copy));
}

static void exit_elsewhere(void)
{
    must(chdir("later") == 0);
    exit(0);
}

static void die_by_term(void)
{
    raise(SIGTERM);
}

static void term_handler(int number)
{
    (void)number;
    say("own handler\n");
    _exit(7);
}

static void handle_term(void)
{
    signal(SIGTERM, term_handler);
    raise(SIGTERM);
}

static void hang(void)
{
    fflush(stdout);
    for (;;)
        pause();
}

static void hang_blocking_all(void)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    hang();
}

static void hang_in_child(void)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        hang();
    int status;
    signal(SIGRTMAX - 3, SIG_IGN); /* so that the child's timeout is the one that counts */
    must(waitpid(child, &status, 0) == child);
    printf("child: %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
}

/* Loads the library, argv[3], when it is too late to stand before libc. */
static const char *library;

static void load_late(void)
{
    must(dlopen(library, RTLD_NOW | RTLD_GLOBAL) != NULL);
    exit(0);
}

static void show_frames(void)
{
    void *frames[32];
    fflush(stdout);
    backtrace_symbols_fd(frames, backtrace(frames, 32), STDOUT_FILENO);
}

static const struct way {
    const char *name;
    void (*take)(void);
} ways[] = {
    {"exit", exit_0},
    {"exit_4", exit_4},
    {"quick_exit", quick},
    {"err_0", err_0},
    {"err_1", err_1},
    {"thread", exit_by_thread},
    {"last_thread", exit_by_last_thread},
    {"in_handler", exit_in_handler},
    {"by_two", exit_by_two},
    {"two_threads", exit_by_two_threads},
    {"eight_threads", exit_by_eight_threads},
    {"_exit", exit_at_once},
    {"leaks_and_cuts", cut_in_handler},
    {"disarmed", exit_disarmed},
    {"in_signal_handler", exit_in_signal_handler},
    {"children", exit_of_children},
    {"elsewhere", exit_elsewhere},
    {"abort", abort},
    {"term", die_by_term},
    {"handle_term", handle_term},
    {"hang", hang},
    {"hang_blocking_all", hang_blocking_all},
    {"hang_in_child", hang_in_child},
    {"late", load_late},
    {"frames", show_frames},
};

/* What follows HOW is executed in the end, if it is "exec". */
int main(int argc, char **argv)
{
    must(argc > 2 && atexit(handler) == 0);
    library = argv[3];
    printf("main\n");
    leave(argv[1]);
    if (strcmp(argv[2], "exec") == 0) {
        fflush(stdout);
        execvp(argv[3], argv + 3);
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(argv[2], ways[i].name) == 0)
            ways[i].take();
    return 0;
}
