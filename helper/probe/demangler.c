/* SPDX-License-Identifier: MIT */
#include "demangler.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FEW_STEPS 1e4    /* a fraction of a millisecond at most */
#define MANY_STEPS 1e7   /* tenths of a second at most */
#define FREE_US 1000     /* what a name may take */
#define SPENT_US 1000000 /* what all may take beyond that */
#define CHILD_US 50000   /* what the child may take for one */
#define CHILD_MEMORY (64 << 20)
#define STUCK_S 10 /* for a child that takes no time and does not answer */
#define IDLE_S 1
#define MANGLED_MAX (64 << 10)
#define INDICES 64

typedef char *cxa_demangle(const char *name, char *buffer, size_t *size, int *status); /* Itanium C++ ABI */

static cxa_demangle *find_cxa_demangle(void)
{
    static cxa_demangle *found;
    static bool was_searched;
    if (!__atomic_load_n(&was_searched, __ATOMIC_ACQUIRE)) {
        void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);
        cxa_demangle *function = library ? (cxa_demangle *)dlsym(library, "__cxa_demangle") : NULL;
        __atomic_store_n(&found, function, __ATOMIC_RELAXED);
        __atomic_store_n(&was_searched, true, __ATOMIC_RELEASE);
    }
    return __atomic_load_n(&found, __ATOMIC_RELAXED);
}

/* ---- how much there may be to do ----------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The index of a substitution, S_ or S followed by a number to the base of 36 and _; -1: it is none. */
static long substitution(const char *at)
{
    long index = 0;
    if (at[1] == '_')
        return 0;
    for (at++; is_digit(*at) || (*at >= 'A' && *at <= 'Z'); at++)
        index = index > INDICES ? index : index * 36 + (is_digit(*at) ? *at - '0' : *at - 'A' + 10);
    return *at == '_' ? index + 1 : -1;
}

/* An expansion of a pack or its size. */
static bool is_pack(const char *at)
{
    switch (*at) {
    case 'D':
        return at[1] == 'p';
    case 's':
        return at[1] == 'p' || at[1] == 'P' || at[1] == 'Z';
    default:
        return false;
    }
}

/* An upper bound. A tree has as many parts as the name is long. Its leaves are met on as many ways as there
 * are choices of one or no reference to each substitution; one to a template's parameter can mean another
 * thing each time, and may have to be parsed twice; what is expanded for each member of a pack, as often as
 * the name is long. What stands in identifiers is counted too. */
static double most_steps(const char *name)
{
    size_t length = strlen(name);
    double steps = (double)length;
    unsigned uses[INDICES] = {0};
    for (const char *at = name; *at; at++) {
        long index = *at == 'S' ? substitution(at) : -1;
        if (index >= 0 && index < INDICES) {
            steps *= (uses[index] + 2.0) / (uses[index] + 1.0);
            uses[index]++;
        } else if (index >= 0 || (*at == 'T' && (at[1] == '_' || at[1] == 'L' || is_digit(at[1])))) {
            steps *= 2;
        } else if (is_pack(at)) {
            steps *= (double)length;
        }
    }
    return steps;
}

/* ---- in the child -------------------------------------------------------------------------------- */

struct reply {
    uint64_t used_us;
    char text[DEMANGLED_MAX];
};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void limit(int resource, rlim_t value)
{
    struct rlimit limits = {value, value};
    setrlimit(resource, &limits);
}

static void limit_memory(void)
{
    char text[32] = "";
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file >= 0 && read(file, text, sizeof text - 1) > 0)
        limit(RLIMIT_AS, strtoul(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE) + CHILD_MEMORY);
    if (file >= 0)
        close(file);
}

/* It ends by default, and lets go what the other process may want to end: pipes, locks. */
static void be_a_child(int socket)
{
    sigset_t ends;
    int most = 65536;
    dup2(socket, 0);
#ifdef SYS_close_range
    most = syscall(SYS_close_range, 1u, ~0u, 0u) ? most : 0;
#endif
    for (int file = 1; file < most; file++)
        close(file);
    limit(RLIMIT_CORE, 0);
    limit_memory();
    sigemptyset(&ends);
    for (size_t i = 0; i < 2; i++) {
        signal(i ? SIGPROF : SIGALRM, SIG_DFL);
        sigaddset(&ends, i ? SIGPROF : SIGALRM);
    }
    sigprocmask(SIG_UNBLOCK, &ends, NULL);
}

/* In a copy of a process that may be GDB: nothing of that runs here but the demangler. The clock runs too, as
 * a lock of malloc that another thread had would never be released. */
static void serve(cxa_demangle *function)
{
    static const struct itimerval idle = {.it_value.tv_sec = IDLE_S}, stuck = {.it_value.tv_sec = STUCK_S},
                                  most = {.it_value.tv_usec = CHILD_US}, none;
    char name[MANGLED_MAX + 1];
    struct reply reply;
    for (;;) {
        ssize_t length = recv(0, name, MANGLED_MAX, 0);
        if (length <= 0)
            return;
        name[length] = 0;
        setitimer(ITIMER_REAL, &stuck, NULL);
        setitimer(ITIMER_PROF, &most, NULL);
        uint64_t before = now_us();
        char *text = function(name, NULL, NULL, NULL);
        reply.used_us = now_us() - before;
        setitimer(ITIMER_PROF, &none, NULL);
        size_t size = text ? strlen(text) + 1 : 0;
        if (size > sizeof reply.text)
            size = 0;
        memcpy(reply.text, text ? text : "", size);
        free(text);
        if (send(0, &reply, offsetof(struct reply, text) + size, MSG_NOSIGNAL) < 0)
            return;
        setitimer(ITIMER_REAL, &idle, NULL); /* a new child waits as long as it takes */
    }
}

/* ---- and its parent ------------------------------------------------------------------------------ */

/* The kernel tells this process nothing of its end (no exit signal): GDB would take it for one of its own. */
static bool start_child(struct demangler *demangler, cxa_demangle *function)
{
    sigset_t all, before;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return false;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before); /* no handler is to run there */
    pid_t child = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
    if (!child) {
        be_a_child(ends[1]);
        serve(function);
        _exit(0);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return false;
    }
    demangler->child = child;
    demangler->socket = ends[0];
    return true;
}

void demangler_end(struct demangler *demangler)
{
    if (!demangler->child)
        return;
    close(demangler->socket);
    while (waitpid(demangler->child, NULL, __WALL) < 0 && errno == EINTR)
        ;
    demangler->child = 0;
}

/* The size of the reply; 0: the child has ended. `*was_asked`: by this name, as far as can be told. */
static size_t ask(const struct demangler *demangler, const char *name, struct reply *reply, bool *was_asked)
{
    size_t length = strlen(name);
    ssize_t got;
    do
        got = send(demangler->socket, name, length, MSG_NOSIGNAL);
    while (got < 0 && errno == EINTR);
    *was_asked = got == (ssize_t)length;
    do
        got = *was_asked ? recv(demangler->socket, reply, sizeof *reply, 0) : 0;
    while (got < 0 && errno == EINTR);
    return got > 0 ? (size_t)got : 0;
}

/* A child that was there before may have ended because nobody asked it: then another one is asked. */
static char *in_child(struct demangler *demangler, cxa_demangle *function, const char *name,
                      uint64_t *used_us)
{
    const size_t head = offsetof(struct reply, text);
    struct reply reply;
    bool is_new = false, was_asked;
    while (strlen(name) <= MANGLED_MAX && !is_new) {
        is_new = !demangler->child;
        if (is_new && !start_child(demangler, function))
            return NULL;
        size_t size = ask(demangler, name, &reply, &was_asked);
        if (size >= head) {
            *used_us += reply.used_us;
            return size > head && !((char *)&reply)[size - 1] ? strdup(reply.text) : NULL;
        }
        demangler_end(demangler);
        *used_us += was_asked ? CHILD_US : 0;
    }
    return NULL;
}

/* ---- either way ---------------------------------------------------------------------------------- */

static char *at_once(cxa_demangle *function, const char *name)
{
    char *text = function(name, NULL, NULL, NULL);
    if (!text || strlen(text) < DEMANGLED_MAX)
        return text;
    free(text);
    return NULL;
}

char *demangler_text(struct demangler *demangler, const char *name)
{
    cxa_demangle *function = find_cxa_demangle();
    double steps = most_steps(name);
    if (!function || (steps > FEW_STEPS && demangler->spent_us >= SPENT_US))
        return NULL;
    if (steps <= FEW_STEPS)
        return at_once(function, name);
    uint64_t used_us = 0, before = now_us();
    char *text;
    if (steps <= MANY_STEPS) {
        text = at_once(function, name);
        used_us = now_us() - before;
    } else {
        text = in_child(demangler, function, name, &used_us);
    }
    demangler->spent_us += used_us > FREE_US ? used_us - FREE_US : 0;
    return text;
}
