/* SPDX-License-Identifier: MIT
 *
 * A thread in each system call that a signal, or a stop by a debugger, can interrupt (signal(7),
 * "Interruption of system calls"), and some that are restarted. None of them is ever given what it waits for.
 * How often each returned stands in the file argv[1], which whoever looks maps: nothing wakes us to tell.
 */
#include "scenario.h"

#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

/* One record of the file; tests/shell/test_undisturbed.py knows it too. */
struct call {
    char name[24];
    uint32_t tid;
    int32_t object;   /* of System V, -1: none. It outlives the process unless it is removed */
    uint64_t returns; /* how often it came back */
    int64_t result;   /* of the last time: -errno where it failed */
};

enum { LONG_S = 1000000 };

static const struct timespec long_time = {LONG_S, 0};
static pthread_t main_thread;

/* Calls it again and again, and notes each return. */
#define REPEAT(call, expression)                                                                             \
    for (;;) {                                                                                               \
        int64_t result_ = (expression);                                                                      \
        (call)->result = result_ == -1 ? -errno : result_;                                                   \
        __atomic_fetch_add(&(call)->returns, 1, __ATOMIC_RELEASE);                                           \
    }

static struct timespec deadline(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_sec += LONG_S;
    return time;
}

static int quiet_pipe(int end)
{
    int ends[2];
    must(pipe(ends) == 0);
    return ends[end];
}

/* A socket of a connected pair, with a timeout. */
static int quiet_socket(int option)
{
    int ends[2];
    struct timeval limit = {LONG_S, 0};
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    must(!option || setsockopt(ends[0], SOL_SOCKET, option, &limit, sizeof limit) == 0);
    return ends[0];
}

static int quiet_listener(int option)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {LONG_S, 0};
    must(listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    must(listen(listener, 1) == 0);
    must(!option || setsockopt(listener, SOL_SOCKET, option, &limit, sizeof limit) == 0);
    return listener;
}

static sigset_t unused_signal(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return set;
}

static void in_epoll_wait(struct call *call)
{
    int epoll = epoll_create1(0);
    struct epoll_event event;
    REPEAT(call, epoll_wait(epoll, &event, 1, -1));
}

static void in_epoll_wait_timeout(struct call *call)
{
    int epoll = epoll_create1(0);
    struct epoll_event event;
    REPEAT(call, epoll_wait(epoll, &event, 1, 1000000000));
}

static void in_poll(struct call *call)
{
    struct pollfd file = {.fd = quiet_pipe(0), .events = POLLIN};
    REPEAT(call, poll(&file, 1, -1));
}

static void in_poll_timeout(struct call *call)
{
    struct pollfd file = {.fd = quiet_pipe(0), .events = POLLIN};
    REPEAT(call, poll(&file, 1, 1000000000));
}

static void in_ppoll(struct call *call)
{
    struct pollfd file = {.fd = quiet_pipe(0), .events = POLLIN};
    sigset_t set = unused_signal();
    REPEAT(call, ppoll(&file, 1, &long_time, &set));
}

static void in_select(struct call *call)
{
    int file = quiet_pipe(0);
    fd_set set;
    FD_ZERO(&set);
    REPEAT(call, (FD_SET(file, &set), select(file + 1, &set, NULL, NULL, NULL)));
}

static void in_semop(struct call *call)
{
    int set = call->object = semget(IPC_PRIVATE, 1, 0600);
    struct sembuf operation = {0, -1, 0};
    must(set >= 0);
    REPEAT(call, semop(set, &operation, 1));
}

static void in_semtimedop(struct call *call)
{
    int set = call->object = semget(IPC_PRIVATE, 1, 0600);
    struct sembuf operation = {0, -1, 0};
    must(set >= 0);
    REPEAT(call, semtimedop(set, &operation, 1, &long_time));
}

static void in_msgrcv(struct call *call)
{
    int queue = call->object = msgget(IPC_PRIVATE, 0600);
    char message[64];
    must(queue >= 0);
    REPEAT(call, msgrcv(queue, message, 32, 0, 0));
}

static void in_mq_receive(struct call *call)
{
    char name[64], message[64];
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = sizeof message};
    snprintf(name, sizeof name, "/threadleak-%d", getpid());
    mqd_t queue = mq_open(name, O_CREAT | O_RDWR, 0600, &attributes);
    must(queue >= 0);
    mq_unlink(name);
    REPEAT(call, mq_receive(queue, message, sizeof message, NULL));
}

static void in_sigwaitinfo(struct call *call)
{
    sigset_t set = unused_signal();
    siginfo_t info;
    REPEAT(call, sigwaitinfo(&set, &info));
}

static void in_sigtimedwait(struct call *call)
{
    sigset_t set = unused_signal();
    REPEAT(call, sigtimedwait(&set, NULL, &long_time));
}

static void in_sigsuspend(struct call *call)
{
    sigset_t set = unused_signal();
    REPEAT(call, sigsuspend(&set));
}

static void in_pause(struct call *call)
{
    REPEAT(call, pause());
}

static void in_nanosleep(struct call *call)
{
    REPEAT(call, nanosleep(&long_time, NULL));
}

static void in_clock_nanosleep(struct call *call)
{
    struct timespec end = deadline();
    REPEAT(call, clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &end, NULL));
}

static void in_cond_wait(struct call *call)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    must(pthread_mutex_lock(&mutex) == 0);
    REPEAT(call, pthread_cond_wait(&cond, &mutex));
}

static void in_cond_timedwait(struct call *call)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    struct timespec end = deadline();
    must(pthread_mutex_lock(&mutex) == 0);
    REPEAT(call, pthread_cond_timedwait(&cond, &mutex, &end));
}

static void in_sem_wait(struct call *call)
{
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    REPEAT(call, sem_wait(&semaphore));
}

static void in_mutex_lock(struct call *call)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    must(pthread_mutex_lock(&mutex) == 0);
    REPEAT(call, pthread_mutex_lock(&mutex));
}

static void in_recv(struct call *call)
{
    int end = quiet_socket(0);
    char byte;
    REPEAT(call, recv(end, &byte, 1, 0));
}

static void in_recv_timeout(struct call *call)
{
    int end = quiet_socket(SO_RCVTIMEO);
    char byte;
    REPEAT(call, recv(end, &byte, 1, 0));
}

static void in_send_timeout(struct call *call)
{
    int end = quiet_socket(SO_SNDTIMEO);
    static char bytes[4096];
    while (send(end, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
        /* until it is full */
    }
    REPEAT(call, send(end, bytes, sizeof bytes, 0));
}

static void in_accept(struct call *call)
{
    int listener = quiet_listener(0);
    REPEAT(call, accept(listener, NULL, NULL));
}

static void in_accept_timeout(struct call *call)
{
    int listener = quiet_listener(SO_RCVTIMEO);
    REPEAT(call, accept(listener, NULL, NULL));
}

static void in_pipe_read(struct call *call)
{
    int file = quiet_pipe(0);
    char byte;
    REPEAT(call, read(file, &byte, 1));
}

/* More than fits: interrupted, it would return how much was written. */
static void in_pipe_write(struct call *call)
{
    int file = quiet_pipe(1);
    static char bytes[1 << 20];
    REPEAT(call, write(file, bytes, sizeof bytes));
}

static void in_eventfd_read(struct call *call)
{
    int file = eventfd(0, 0);
    uint64_t value;
    REPEAT(call, read(file, &value, sizeof value));
}

static void in_timerfd_read(struct call *call)
{
    int file = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec time = {.it_value = long_time};
    uint64_t value;
    timerfd_settime(file, 0, &time, NULL);
    REPEAT(call, read(file, &value, sizeof value));
}

static void in_inotify_read(struct call *call)
{
    int file = inotify_init1(0);
    char event[512];
    REPEAT(call, read(file, event, sizeof event));
}

static int locked_file(void)
{
    char name[] = "/tmp/threadleak-XXXXXX";
    int file = mkstemp(name);
    must(file >= 0);
    char again[64];
    snprintf(again, sizeof again, "/proc/self/fd/%d", file);
    int other = open(again, O_RDWR | O_CLOEXEC);
    unlink(name);
    must(other >= 0 && flock(file, LOCK_EX) == 0);
    return other;
}

static void in_flock(struct call *call)
{
    int other = locked_file();
    REPEAT(call, flock(other, LOCK_EX));
}

static void in_fcntl_lock(struct call *call)
{
    struct flock whole = {.l_type = F_WRLCK};
    char name[] = "/tmp/threadleak-XXXXXX", again[64];
    int file = mkstemp(name);
    must(file >= 0);
    snprintf(again, sizeof again, "/proc/self/fd/%d", file);
    int other = open(again, O_RDWR | O_CLOEXEC);
    unlink(name);
    must(other >= 0 && fcntl(file, F_OFD_SETLK, &whole) == 0);
    REPEAT(call, fcntl(other, F_OFD_SETLKW, &whole));
}

static void in_waitpid(struct call *call)
{
    pid_t child = fork();
    if (!child) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    int status;
    REPEAT(call, waitpid(child, &status, 0));
}

static void in_join(struct call *call)
{
    REPEAT(call, pthread_join(main_thread, NULL));
}

#define CALL(name)                                                                                           \
    {                                                                                                        \
#name, in_##name                                                                                     \
    }

static const struct {
    const char *name;
    void (*block)(struct call *call);
} calls[] = {
    CALL(epoll_wait),     CALL(epoll_wait_timeout),
    CALL(poll),           CALL(poll_timeout),
    CALL(ppoll),          CALL(select),
    CALL(semop),          CALL(semtimedop),
    CALL(msgrcv),         CALL(mq_receive),
    CALL(sigwaitinfo),    CALL(sigtimedwait),
    CALL(sigsuspend),     CALL(pause),
    CALL(nanosleep),      CALL(clock_nanosleep),
    CALL(cond_wait),      CALL(cond_timedwait),
    CALL(sem_wait),       CALL(mutex_lock),
    CALL(recv),           CALL(recv_timeout),
    CALL(send_timeout),   CALL(accept),
    CALL(accept_timeout), CALL(pipe_read),
    CALL(pipe_write),     CALL(eventfd_read),
    CALL(timerfd_read),   CALL(inotify_read),
    CALL(flock),          CALL(fcntl_lock),
    CALL(waitpid),        CALL(join),
};

enum { COUNT = sizeof calls / sizeof *calls };

static struct call *report;

static void *run(void *argument)
{
    struct call *call = argument;
    name_me(call->name + (strlen(call->name) > 15 ? strlen(call->name) - 15 : 0));
    call->tid = (uint32_t)gettid();
    arrive();
    calls[call - report].block(call);
    return NULL;
}

int main(int argc, char **argv)
{
    must(argc == 2);
    int file = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    must(file >= 0 && ftruncate(file, COUNT * sizeof *report) == 0);
    report = mmap(NULL, COUNT * sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    must(report != MAP_FAILED);
    main_thread = pthread_self();
    for (int i = 0; i < COUNT; i++) {
        pthread_t thread;
        report[i].object = -1;
        strcpy(report[i].name, calls[i].name);
        must(pthread_create(&thread, NULL, run, &report[i]) == 0);
    }
    await_arrivals(COUNT);
    printf("ready\n");
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {
        /* until whoever started us has had enough, or has gone */
    }
    for (int i = 0; i < COUNT; i++)
        if (report[i].object >= 0 && semctl(report[i].object, 0, IPC_RMID))
            msgctl(report[i].object, IPC_RMID, NULL);
    _exit(0);
}
