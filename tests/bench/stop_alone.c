/* SPDX-License-Identifier: MIT
 *
 * What ptrace(2) alone costs: stops all threads of a process as one tracer does it, reads their registers and
 * lets them go on. Prints the milliseconds from the first PTRACE_INTERRUPT to the last PTRACE_DETACH.
 *
 * usage: stop_alone PID
 */
#include <dirent.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#define THREADS_MAX 100000

static pid_t tids[THREADS_MAX];

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

int main(int argc, char **argv)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", argc > 1 ? atoi(argv[1]) : 0);
    DIR *folder = opendir(path);
    if (!folder) {
        perror(path);
        return 1;
    }
    int count = 0;
    for (struct dirent *entry; count < THREADS_MAX && (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            tids[count++] = atoi(entry->d_name);
    for (int i = 0; i < count; i++)
        if (ptrace(PTRACE_SEIZE, tids[i], NULL, NULL)) {
            perror("PTRACE_SEIZE");
            return 1;
        }
    double began = now_ms();
    for (int i = 0; i < count; i++)
        ptrace(PTRACE_INTERRUPT, tids[i], NULL, NULL);
    for (int i = 0; i < count; i++) {
        struct user_regs_struct registers;
        struct iovec place = {&registers, sizeof registers};
        int status;
        waitpid(tids[i], &status, __WALL);
        ptrace(PTRACE_GETREGSET, tids[i], NT_PRSTATUS, &place);
    }
    for (int i = 0; i < count; i++)
        ptrace(PTRACE_DETACH, tids[i], NULL, NULL);
    printf("%.0f\n", now_ms() - began);
    return 0;
}
