/* SPDX-License-Identifier: MIT
 *
 * built.h - programs that a test builds, starts, and has dump core, in a folder of its own.
 */
#ifndef THREADLEAK_TEST_BUILT_H
#define THREADLEAK_TEST_BUILT_H

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "states.h"
#include "threadleak_probe.h"

#define SOURCES "tests/probe/programs/"

static char built_folder[] = "/tmp/threadleak-probe-XXXXXX";

static inline int make_folder(void **state)
{
    (void)state;
    return mkdtemp(built_folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", built_folder);
    return system(command);
}

/* `arguments` of the compiler; "%s" in them is the folder, outside of which nothing may be left behind: clang
 * that compiles and links at once puts -gsplit-dwarf's file where we are. */
static inline void build(const char *compiler, const char *arguments)
{
    char command[1024];
    int length = snprintf(command, sizeof command, "%s ", compiler);
    snprintf(command + length, sizeof command - (size_t)length, arguments, built_folder, built_folder,
             built_folder);
    if (system(command))
        fail_msg("%s", command);
    glob_t strays;
    if (!glob("*.dwo", 0, NULL, &strays))
        fail_msg("%s left %s here", command, strays.gl_pathv[0]);
}

static inline const char *in_folder(const char *name)
{
    static char paths[16][sizeof built_folder + 256];
    static unsigned next;
    char *path = paths[next++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", built_folder, name);
    return path;
}

static inline void rest_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* Waits until all its threads sleep. */
static inline void await_sleep(pid_t pid)
{
    bool asleep = false;
    for (unsigned tries = 0; !asleep && tries < 6000; tries++) {
        rest_ms(10);
        asleep = threads_in_state(pid, 'S') == threads_in_state(pid, 0);
    }
    assert_true(asleep);
}

/* Starts a program of the folder and waits until it says "ready" and sleeps. */
static inline pid_t start_program(const char *name, const char *argument)
{
    int ends[2];
    char word[8] = "";
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(100);
        setrlimit(RLIMIT_CORE, &unlimited);
        dup2(ends[1], 1);
        if (!chdir(built_folder))
            execl(in_folder(name), name, argument, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], word, 5), 5);
    assert_string_equal(word, "ready");
    close(ends[0]);
    await_sleep(pid);
    return pid;
}

static inline void end_program(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* Kills it; the core that the kernel wrote is renamed. NULL: core files go elsewhere on this machine. */
static inline const char *dump_core(pid_t pid, const char *name)
{
    int status;
    kill(pid, SIGABRT);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    const char *path = in_folder(name);
    struct dirent *entry;
    DIR *folder = opendir(built_folder);
    assert_non_null(folder);
    bool is_found = false;
    while (!is_found && (entry = readdir(folder)))
        if (!strncmp(entry->d_name, "core", 4) &&
            strspn(entry->d_name + 4, ".0123456789") == strlen(entry->d_name + 4))
            is_found = !rename(in_folder(entry->d_name), path);
    closedir(folder);
    return is_found ? path : NULL;
}

/* The line of a source that the comment "here: NAME" is in. */
static inline uint32_t line_of(const char *source, const char *name)
{
    char line[512], wanted[64];
    FILE *file = fopen(source, "r");
    assert_non_null(file);
    snprintf(wanted, sizeof wanted, "here: %s", name);
    for (uint32_t number = 1; fgets(line, sizeof line, file); number++) {
        char *found = strstr(line, wanted);
        if (found && !strchr("abcdefghijklmnopqrstuvwxyz_", found[strlen(wanted)])) {
            fclose(file);
            return number;
        }
    }
    fail_msg("%s has no %s", source, wanted);
    return 0;
}

/* ---- stacks -------------------------------------------------------------------------------------- */

#define NAMES_MAX 512

/* The functions of a stack, innermost first, those inlined too. */
struct names {
    struct threadleak_probe_frame frames[NAMES_MAX];
    bool is_exact[NAMES_MAX];
    unsigned count;
    uint32_t end;
};

static inline void read_names(struct threadleak_probe *probe, const struct threadleak_probe_stack *stack,
                              struct names *names)
{
    names->count = 0;
    names->end = stack->end;
    for (uint32_t i = 0; i < stack->count; i++) {
        const struct threadleak_probe_frame *frames;
        uint64_t pc = stack->frames[i];
        bool is_exact = pc & THREADLEAK_PROBE_EXACT;
        int count = threadleak_probe_symbolize(probe, pc & ~THREADLEAK_PROBE_EXACT,
                                               is_exact ? 0 : THREADLEAK_PROBE_RETURN, &frames);
        assert_true(count > 0);
        for (int k = 0; k < count && names->count < NAMES_MAX; k++) {
            assert_int_equal(frames[k].is_inlined, k + 1 < count);
            names->is_exact[names->count] = is_exact;
            names->frames[names->count++] = frames[k];
        }
    }
}

/* Index of the first frame of that function; -1: there is none. */
static inline int index_in(const struct names *names, const char *function)
{
    for (unsigned i = 0; i < names->count; i++)
        if (names->frames[i].function && !strcmp(names->frames[i].function, function))
            return (int)i;
    return -1;
}

/* The names of the stack that has `function` in it; false: none has. */
static inline bool find_names(struct threadleak_probe *probe, const char *function, struct names *names)
{
    uint32_t count;
    const struct threadleak_probe_stack *stacks = threadleak_probe_stacks(probe, &count);
    for (uint32_t i = 0; i < count; i++) {
        read_names(probe, &stacks[i], names);
        if (index_in(names, function) >= 0)
            return true;
    }
    return false;
}

static inline struct threadleak_probe *open_unwound(struct threadleak_probe *probe, uint32_t limit)
{
    if (!probe || threadleak_probe_unwind(probe, THREADLEAK_PROBE_ALL, limit))
        fail_msg("%s", threadleak_probe_error());
    return probe;
}

#endif
