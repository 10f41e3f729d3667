/* SPDX-License-Identifier: MIT
 *
 * fake_engine.h - tests of checks with the script fake_engine in place of the engine: the test says what that
 * says, and reads what it was told.
 */
#ifndef TESTS_FAKE_ENGINE_H
#define TESTS_FAKE_ENGINE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gate.h"
#include "threadleak.h"

static char engine_log[64];

/* The library reads its options before main: the test runs itself anew with them. */
static inline void engine_begin(char **argv, const char *more_options)
{
    char options[1200], here[1024];
    if (!getenv("ENGINE_LOG")) {
        snprintf(engine_log, sizeof engine_log, "/tmp/threadleak-engine-%d", getpid());
        snprintf(options, sizeof options, "engine=%s/tests/runtime/fake_engine:%s", getcwd(here, sizeof here),
                 more_options);
        setenv("ENGINE_LOG", engine_log, 1);
        setenv("THREADLEAK_OPTIONS", options, 1);
        execv("/proc/self/exe", argv);
        exit(127);
    }
    snprintf(engine_log, sizeof engine_log, "%s", getenv("ENGINE_LOG"));
    sem_init(&gate, 0, 0);
}

/* What the next engines say, in the notation of printf(1); nothing has happened yet. */
static inline void engine_is_to(const char *say, const char *answer)
{
    setenv("ENGINE_SAYS", say, 1);
    setenv("ENGINE_ANSWERS", answer, 1);
    setenv("ENGINE_DOES", "", 1);
    unlink(engine_log);
}

/* How many lines of the log begin with `word`; the last of them, without its end, in engine_line. */
static char engine_line[4096];

static inline int engine_lines(const char *word)
{
    char line[sizeof engine_line];
    int count = 0;
    FILE *file = fopen(engine_log, "r");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, word, strlen(word)) || !strchr(line, '\n'))
            continue;
        count++;
        line[strcspn(line, "\n")] = '\0';
        strcpy(engine_line, line);
    }
    fclose(file);
    return count;
}

static inline void engine_end(void)
{
    unlink(engine_log);
}

#define HOUR_MS 3600000 /* a check that waits for so long is ended by the test runner */

static char check_message[2048];

static inline struct threadleak_options settling(int32_t settle_ms)
{
    struct threadleak_options how = THREADLEAK_OPTIONS_INIT;
    how.settle_ms = settle_ms;
    how.message = check_message;
    how.room = sizeof check_message;
    check_message[0] = '\0';
    return how;
}

static inline void let_go(pthread_t pthread)
{
    sem_post(&gate);
    pthread_join(pthread, NULL);
}

static inline void *returns(void *arg)
{
    return arg;
}

static inline uint64_t create_finished(pthread_t *pthread)
{
    uint64_t id = create(pthread, returns, NULL);
    AWAIT(view_state(id) & THREADLEAK_STATE_FINISHED);
    return id;
}

#endif
