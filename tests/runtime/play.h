/* SPDX-License-Identifier: MIT
 *
 * play.h - a test program that starts itself as a process which plays a part, and looks at how that ended and
 * what it wrote.
 */
#ifndef TESTS_PLAY_H
#define TESTS_PLAY_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "view.h"

#define PLAY_TEXT 16384

struct played {
    int status; /* as waitpid gives it */
    char out[PLAY_TEXT];
    char err[PLAY_TEXT];
};

static inline size_t play_read(int fd, char *text)
{
    size_t length = 0;
    ssize_t got;
    while ((got = read(fd, text + length, PLAY_TEXT - 1 - length)) > 0 || (got < 0 && errno == EINTR))
        length += got > 0 ? (size_t)got : 0;
    text[length] = '\0';
    close(fd);
    return length;
}

/* Runs this program with the argument `part`, under THREADLEAK_OPTIONS=`options`. What it writes has to fit
 * in a pipe. */
static inline struct played play(const char *part, const char *options)
{
    static struct played played;
    int out[2], err[2];
    assert_int_equal(pipe(out) | pipe(err), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        for (int fd = 3; fd < 64; fd++)
            close(fd);
        setenv("THREADLEAK_OPTIONS", options, 1);
        alarm(60);
        execl("/proc/self/exe", "player", part, NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    close(out[1]);
    close(err[1]);
    play_read(out[0], played.out);
    play_read(err[0], played.err);
    assert_int_equal(waitpid(pid, &played.status, 0), pid);
    return played;
}

static inline void assert_exit_status(const struct played *played, int status)
{
    if (!WIFEXITED(played->status) || WEXITSTATUS(played->status) != status)
        fail_msg("wait status %#x, and it wrote: %s", played->status, played->err);
}

static inline unsigned count_of(const char *text, const char *word)
{
    unsigned count = 0;
    while ((text = strstr(text, word)) != NULL) {
        text += strlen(word);
        count++;
    }
    return count;
}

#endif
