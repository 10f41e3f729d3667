/* SPDX-License-Identifier: MIT
 *
 * threadleak-core-handler - what /proc/sys/kernel/core_pattern names behind a "|", core(5). The kernel starts
 * it as root, with the core on its standard input, while the process that dies still is in /proc. It writes
 * the sidecar first, and then hands the core on: to the handler behind "--", whose standard input it becomes
 * untouched, or into a file.
 *
 * The sidecar is made by a child, so that whatever happens to it, the core goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "output.h"
#include "sidecar.h"
#include "threadleak.h"

enum { FAILED = 1, USAGE = 64, WAIT_S = 2 };

static const char SIDECARS[] = "/var/lib/threadleak/core.%e.%p.%t.threadleak";
static const char HELP[] =
    "Keeps what no core file holds beside it, and hands the core on.\n\n"
    "Usage: threadleak-core-handler -p PID -o PATTERN < CORE\n"
    "       threadleak-core-handler -p PID [-s PATTERN] [-o PATTERN] -- HANDLER [ARGUMENT]... < CORE\n\n"
    "  -p, --pid PID         of the process, in our PID namespace: %P of core(5)\n"
    "  -o, --output PATTERN  the core's path; behind it .threadleak is the sidecar's. With a HANDLER: where "
    "the core\n"
    "                        goes if that cannot be run\n"
    "  -s, --sidecar PATTERN the sidecar's path, where a HANDLER takes the core\n"
    "                        (/var/lib/threadleak/core.%e.%p.%t.threadleak)\n"
    "  -h, --help            this    -V, --version\n\n"
    "A PATTERN is an absolute path: %p pid, %e program, %t time, %u user, %h host, %% a per cent sign. In "
    "core_pattern\n"
    "write each % twice, since the kernel takes one. `threadleak core-handler` prints the line to put "
    "there.\n";

struct options {
    int pid;
    const char *output, *sidecar;
    char **handler;
};

/* The kernel opens standard input alone: what we open must not become 1 or 2, nor the handler's. */
static void open_standard_files(void)
{
    int file;
    do
        file = open("/dev/null", O_RDWR);
    while (file >= 0 && file < 3);
    if (file >= 3)
        close(file);
}

static bool parse(int count, char **words, struct options *options)
{
    static const struct option LONG[] = {{"pid", 1, 0, 'p'},  {"output", 1, 0, 'o'},  {"sidecar", 1, 0, 's'},
                                         {"help", 0, 0, 'h'}, {"version", 0, 0, 'V'}, {0}};
    opterr = 0;
    for (int letter; (letter = getopt_long(count, words, "+p:o:s:hV", LONG, NULL)) >= 0;) {
        char *end = "x";
        switch (letter) {
        case 'p':
            errno = 0;
            options->pid = (int)strtol(optarg, &end, 10);
            if (*end || errno || options->pid <= 0)
                return false;
            break;
        case 'o':
            options->output = optarg;
            break;
        case 's':
            options->sidecar = optarg;
            break;
        case 'h':
            fputs(HELP, stdout);
            exit(0);
        case 'V':
            puts("threadleak-core-handler " THREADLEAK_VERSION);
            exit(0);
        default:
            return false;
        }
    }
    options->handler = words + optind;
    return options->pid && (options->output || *options->handler) &&
           (!*options->handler || !strcmp(words[optind - 1], "--"));
}

static int make_sidecar(const struct process *process, char *path)
{
    struct sidecar sidecar = {0};
    if (process->folder < 0 || !sidecar_collect(&sidecar, process->folder)) {
        output_complain("process %d has no sidecar: %s", process->pid, strerror(errno));
        return FAILED;
    }
    int file = output_create(path, process, false);
    if (file < 0 || !output_write(file, sidecar.data, sidecar.size)) {
        output_complain("the sidecar %s cannot be written: %s", path, strerror(errno));
        return FAILED;
    }
    return 0;
}

/* Waits no longer than WAIT_S for it. */
static void write_sidecar(const struct process *process, char *path)
{
    sigset_t child, before;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    pid_t pid = fork();
    if (!pid) {
        close(0); /* the core is not ours */
        _exit(make_sidecar(process, path));
    }
    struct timespec left = {.tv_sec = WAIT_S};
    if (pid > 0 && sigtimedwait(&child, NULL, &left) < 0) {
        kill(pid, SIGKILL);
        output_complain("process %d has no whole sidecar: it took longer than %d s", process->pid, WAIT_S);
    }
    if (pid > 0)
        waitpid(pid, NULL, WNOHANG);
    else
        output_complain("process %d has no sidecar: %s", process->pid, strerror(errno));
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static void add_suffix(const char *path, char sidecar[PATH_MAX])
{
    snprintf(sidecar, PATH_MAX, "%.*s.threadleak", PATH_MAX - 16, path);
}

static int to_file(const struct process *process, const char *pattern, bool with_sidecar)
{
    char path[PATH_MAX], sidecar[PATH_MAX];
    unsigned long long limit = output_limit(process);
    if (!limit) {
        output_tell_no_core(process);
        return 0;
    }
    if (!output_path(pattern, process, path)) {
        output_complain("the core of process %d is lost: %s is no absolute path of a file", process->pid,
                        pattern);
        return FAILED;
    }
    int file = output_create(path, process, true);
    if (file < 0) {
        output_complain("the core of process %d is lost: %s: %s", process->pid, path, strerror(errno));
        return FAILED;
    }
    add_suffix(path, sidecar);
    if (with_sidecar)
        write_sidecar(process, sidecar);
    if (!output_core(0, file, limit)) {
        output_complain("the core %s is not whole: %s", path, strerror(errno));
        return FAILED;
    }
    return 0;
}

int main(int count, char **words)
{
    open_standard_files();
    struct options options = {.sidecar = SIDECARS};
    if (!parse(count, words, &options)) {
        output_complain("wrong usage; see threadleak-core-handler --help");
        return USAGE;
    }
    signal(SIGCHLD, SIG_DFL);
    struct process process = output_process(options.pid);
    if (!*options.handler)
        return to_file(&process, options.output, true);
    char path[PATH_MAX];
    if (output_path(options.sidecar, &process, path))
        write_sidecar(&process, path);
    else
        output_complain("process %d has no sidecar: %s is no absolute path of a file", options.pid,
                        options.sidecar);
    execv(*options.handler, options.handler);
    output_complain("%s cannot be run: %s", *options.handler, strerror(errno));
    return options.output ? to_file(&process, options.output, false) : FAILED;
}
