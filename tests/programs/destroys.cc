// SPDX-License-Identifier: MIT
//
// What happens to threads while the process exits: destroys WHAT... Each word is one thing that is done, in
// this order. Whoever joins says so on stderr.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "threadleak.h"

static void say(const char *what)
{
    if (write(STDERR_FILENO, what, strlen(what)) < 0)
        abort();
}

namespace
{

// Runs until it is destroyed.
class pool
{
  public:
    void begin()
    {
        runs_ = pthread_create(&worker_, nullptr, work, this) == 0;
    }
    void end()
    {
        stops_ = true;
        if (runs_ && pthread_join(worker_, nullptr) == 0)
            say("joined\n");
        runs_ = false;
    }
    ~pool()
    {
        end();
    }

  private:
    static void *work(void *arg)
    {
        while (!static_cast<pool *>(arg)->stops_)
            usleep(1000);
        return nullptr;
    }

    std::atomic<bool> stops_{false};
    bool runs_ = false;
    pthread_t worker_;
};

} // namespace

static pool of_object, *of_handler;

static void end_of_handler()
{
    of_handler->end();
}

static void *stay(void *)
{
    for (;;)
        pause();
}

static void create(void *(*run)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, nullptr, run, nullptr))
        abort();
}

static void leave_one()
{
    create(stay);
}

static void crash()
{
    abort();
}

static void leave_at_once()
{
    _exit(0);
}

static void hang()
{
    say("hangs\n");
    for (;;)
        pause();
}

// A process of its own, which has none of the threads.
static void fork_there()
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        exit(0);
    if (waitpid(child, &status, 0) != child || status != 0)
        abort();
    say("child: 0\n");
}

static void check()
{
    say(threadleak_verify_none(nullptr) == 1 ? "check: 1\n" : "check: wrong\n");
}

static void close_all()
{
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
}

static void *exit_there(void *)
{
    exit(0);
}

static void exits_elsewhere()
{
    create(exit_there);
    for (;;)
        pause();
}

static void exits_quickly()
{
    quick_exit(0);
}

static void exits_with_4()
{
    exit(4);
}

static void at_exit_hang()
{
    atexit(hang);
}

static const struct way {
    const char *name;
    void (*take)();
} ways[] = {
    {"object", [] { of_object.begin(); }},
    {"handler",
     [] {
         of_handler = new pool;
         of_handler->begin();
         atexit(end_of_handler);
     }},
    {"quick_handler",
     [] {
         of_handler = new pool;
         of_handler->begin();
         at_quick_exit(end_of_handler);
     }},
    {"leak", leave_one},
    {"leak_later", [] { atexit(leave_one); }},
    {"crash", [] { atexit(crash); }},
    {"hang", at_exit_hang},
    {"cut", [] { atexit(leave_at_once); }},
    {"close", [] { atexit(close_all); }},
    {"fork", [] { atexit(fork_there); }},
    {"check", [] { atexit(check); }},
    {"elsewhere", exits_elsewhere},
    {"quick_exit", exits_quickly},
    {"exit_4", exits_with_4},
};

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        for (const way &each : ways)
            if (strcmp(argv[i], each.name) == 0)
                each.take();
    return 0;
}
