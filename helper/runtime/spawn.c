/* SPDX-License-Identifier: MIT */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "output.h"
#include "ptracer.h"
#include "system_call.h"

#define STACK_SIZE 16384
#define STACK_OF_PROGRAM (8 << 20) /* the kernel's default; without a limit it lays memory out otherwise */
#define KERNEL_SIGNALS 64
#define KERNEL_SIGSET (KERNEL_SIGNALS / 8) /* bytes */
#define FIRST_FD 5                         /* those below have their places in the program */
#define FDS_WITHOUT_CLOSE_RANGE 65536
#define OUTLIVING_NS 50000000 /* between two looks at whether it still may */

static char stack[STACK_SIZE] __attribute__((aligned(64)));

static struct {
    const struct spawn_command *command;
    long keeper; /* pid, 0: none */
    int fd;      /* our end of the connection */
    int peer;    /* the program's end, as we have it before the others exist; -1: closed */
    int given;   /* the same, as they have it in their copies of our descriptors: it stays */
    int error;   /* changes: written by the keeper or its child */
    ino_t inode; /* of our end of the connection */
    uint32_t may_outlive;
} running = {.fd = -1, .peer = -1};

/* struct sigaction as the kernel has it; zero: the default action. */
struct kernel_action {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

/* ---- in the processes that share our memory and the TLS of the thread that made them ---------------- */

static void set_action(int signal, unsigned long flags)
{
    const struct kernel_action action = {.flags = flags};
    system_call(SYS_rt_sigaction, signal, &action, NULL, KERNEL_SIGSET);
}

static void close_from(unsigned first)
{
    if (system_call(SYS_close_range, first, ~0u, 0) == 0)
        return;
    for (unsigned fd = first; fd < FDS_WITHOUT_CLOSE_RANGE; fd++) /* before Linux 5.9 */
        system_call(SYS_close, fd);
}

/* Whatever the program's own standard descriptors are; those it has closed become /dev/null. */
static void arrange_descriptors(void)
{
    const char *output = running.command->output;
    system_call(SYS_dup3, running.given, SPAWN_FD_IN, 0);
    system_call(SYS_dup3, running.given, SPAWN_FD_OUT, 0);
    close_from(FIRST_FD);
    long null = system_call(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);
    if (null > 0)
        system_call(SYS_dup3, null, 0, 0);
    if (system_call(SYS_fcntl, 2, F_GETFD) < 0)
        system_call(SYS_dup3, 0, 2, 0);
    int out = output ? output_open(output) : 2;
    if (out == 1) /* the program had closed it */
        system_call(SYS_fcntl, 1, F_SETFD, 0);
    else
        system_call(SYS_dup3, out < 0 ? 2 : out, 1, 0);
    close_from(FIRST_FD);
}

/* A soft limit that the watched program is under is not meant for this one. */
static void lift_limit(int resource, rlim_t enough)
{
    struct rlimit limit;
    if (system_call(SYS_prlimit64, 0, resource, NULL, &limit) || limit.rlim_cur >= enough)
        return;
    limit.rlim_cur = limit.rlim_max < enough ? limit.rlim_max : enough;
    system_call(SYS_prlimit64, 0, resource, &limit, NULL);
}

__attribute__((noreturn, noinline)) static void become_program(void)
{
    const uint64_t no_signals = 0;
    long error = ENOENT;
    for (int signal = 1; signal <= KERNEL_SIGNALS; signal++)
        set_action(signal, 0); /* ignored ones would stay ignored */
    arrange_descriptors();
    lift_limit(RLIMIT_AS, RLIM_INFINITY);
    lift_limit(RLIMIT_DATA, RLIM_INFINITY);
    lift_limit(RLIMIT_STACK, STACK_OF_PROGRAM);
    system_call(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, NULL, KERNEL_SIGSET);
    for (const char *const *path = running.command->paths; *path && error == ENOENT; path++)
        error = -system_call(SYS_execve, *path, running.command->arguments, running.command->environment);
    __atomic_store_n(&running.error, (int)error, __ATOMIC_RELEASE);
    system_call(SYS_exit_group, 127);
    __builtin_unreachable();
}

/* Waits until the program ends. False: it must not go on without us. The watched process's memory is ours
 * too, and stays when it ends. */
static bool ends_by_itself(struct pollfd *child)
{
    while (__atomic_load_n(&running.may_outlive, __ATOMIC_ACQUIRE)) {
        struct timespec pause = {.tv_nsec = OUTLIVING_NS};
        if (system_call(SYS_ppoll, child, 1, &pause, NULL, 0) > 0)
            return true;
    }
    return false;
}

/* Waits until the program ends or nobody is at our end of the connection. */
static void keep(long program)
{
    const uint64_t child_signal = (uint64_t)1 << (SIGCHLD - 1);
    system_call(SYS_dup3, running.given, 0, 0);
    close_from(1);
    long signals = system_call(SYS_signalfd4, -1, &child_signal, KERNEL_SIGSET, 0);
    struct pollfd events[2] = {{.fd = 0}, {.fd = (int)signals, .events = POLLIN}};
    while (system_call(SYS_ppoll, events, 2, NULL, NULL, 0) == -EINTR)
        ;
    if (events[0].revents && !ends_by_itself(&events[1]))
        system_call(SYS_kill, program, SIGKILL);
    while (system_call(SYS_wait4, program, NULL, __WALL, NULL) == -EINTR)
        ;
}

__attribute__((noreturn)) static void keeper(void)
{
    /* As vfork does: the child goes on in a frame below this one while we are suspended. The program's own
     * action for SIGCHLD must not reap it for us. */
    const unsigned long flags = CLONE_VM | CLONE_VFORK | CLONE_UNTRACED | SIGCHLD;
    set_action(SIGCHLD, SA_NOCLDSTOP);
    long program = system_call(SYS_clone, flags, NULL, NULL, NULL, NULL);
    if (program == 0)
        become_program();
    if (program > 0)
        keep(program);
    else
        __atomic_store_n(&running.error, (int)-program, __ATOMIC_RELEASE);
    system_call(SYS_exit_group, 0);
    __builtin_unreachable();
}

/* ---- in the watched process -------------------------------------------------------------------------*/

/* Out of the way of the places that descriptors have in the program. */
static int move_up(int fd)
{
    if (fd >= FIRST_FD)
        return fd;
    long moved = system_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, FIRST_FD);
    system_call(SYS_close, fd);
    return (int)moved;
}

static void close_end(int *end)
{
    if (*end >= 0)
        system_call(SYS_close, *end);
    *end = -1;
}

static ino_t inode_of(int fd)
{
    struct stat status;
    bool is_socket = system_call(SYS_fstat, fd, &status) == 0 && S_ISSOCK(status.st_mode);
    return is_socket ? status.st_ino : 0; /* sockets have numbers of their own, which are never 0 */
}

static long connect_ends(void)
{
    int ends[2];
    long error = system_call(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
    if (error)
        return error;
    running.fd = move_up(ends[0]);
    running.peer = move_up(ends[1]);
    running.given = running.peer;
    running.inode = inode_of(running.fd);
    if (running.fd >= 0 && running.peer >= 0)
        return 0;
    error = running.fd < 0 ? running.fd : running.peer;
    close_end(&running.fd);
    close_end(&running.peer);
    return error;
}

int spawn_start(const struct spawn_command *command)
{
    const uint64_t all_signals = ~(uint64_t)0;
    uint64_t mask;
    running.command = command;
    running.error = 0;
    running.keeper = 0;
    spawn_outlive(false);
    long result = connect_ends();
    if (result)
        return (int)result;
    /* A handler of the program must not run in a process that it knows nothing of. */
    system_call(SYS_rt_sigprocmask, SIG_SETMASK, &all_signals, &mask, KERNEL_SIGSET);
    result = system_call_clone(CLONE_VM | CLONE_UNTRACED, stack + sizeof stack, keeper);
    system_call(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, KERNEL_SIGSET);
    close_end(&running.peer);
    if (result < 0) {
        close_end(&running.fd);
        return (int)result;
    }
    running.keeper = result;
    ptracer_allow(result);
    return running.fd;
}

bool spawn_run(const struct spawn_command *command, uint64_t patience_ns)
{
    const struct timespec patience = {.tv_sec = (time_t)(patience_ns / 1000000000u)};
    struct pollfd end = {.fd = spawn_start(command), .events = POLLIN};
    if (end.fd < 0)
        return false;
    while (system_call(SYS_ppoll, &end, 1, &patience, NULL, 0) == -EINTR)
        ;
    bool has_ended = end.revents & POLLHUP && !spawn_error();
    spawn_close();
    spawn_reap(true);
    return has_ended;
}

int spawn_error(void)
{
    return __atomic_load_n(&running.error, __ATOMIC_ACQUIRE);
}

void spawn_outlive(bool may)
{
    __atomic_store_n(&running.may_outlive, may, __ATOMIC_RELEASE);
}

bool spawn_is_connected(void)
{
    return running.fd >= 0 && inode_of(running.fd) == running.inode;
}

/* A descriptor that is another's by now stays. */
void spawn_close(void)
{
    if (spawn_is_connected())
        close_end(&running.fd);
    running.fd = -1;
    ptracer_restore();
}

bool spawn_reap(bool waits)
{
    long result = 0;
    while (running.keeper && (result = system_call(SYS_wait4, running.keeper, NULL,
                                                   __WALL | (waits ? 0 : WNOHANG), NULL)) == -EINTR)
        ;
    if (running.keeper && result == 0)
        return false;
    running.keeper = 0;
    return true;
}

void spawn_fork_child(void)
{
    if (spawn_is_connected())
        close_end(&running.fd);
    running.fd = -1;
    close_end(&running.peer);
    running.keeper = 0;
}
