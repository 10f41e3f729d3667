/* SPDX-License-Identifier: MIT
 *
 * options.h - the settings of the library, from the environment variable THREADLEAK_OPTIONS
 * ("key=value:key=value", values may be quoted with ' or "). One table in options.c says all of them.
 */
#ifndef THREADLEAK_OPTIONS_H
#define THREADLEAK_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_TEXT 1024 /* bytes of a text, its zero byte included */

/* In the order of the words in options.c. */
enum at_exit { AT_EXIT_NONE, AT_EXIT_CHECK, AT_EXIT_REPORT };
enum allow { ALLOW_NONE, ALLOW_DETACHED };
enum format {
    FORMAT_TEXT,
    FORMAT_JSON,
    FORMAT_JUNIT,
    FORMAT_TAP,
    FORMAT_GITHUB,
    FORMAT_SARIF,
    FORMAT_HTML,
    FORMAT_JSON_HTML
};

struct options {
    uint32_t frames;             /* of a creation stack, 1 to 128 */
    uint32_t max_records;        /* 0: as many as memory allows */
    uint32_t eagain_report;      /* 1: print the plain report when a creation fails with EAGAIN */
    uint32_t settle_ms;          /* how long a check lets threads end */
    uint32_t strict;             /* 1: threads that the registry does not know are "cannot tell" */
    uint32_t no_builtin;         /* 1: checks do without the built-in rules */
    uint32_t format;             /* enum format: of the reports of checks */
    uint32_t at_exit;            /* enum at_exit */
    uint32_t exitcode;           /* of a program that says 0 and leaked; 0: it stays so */
    uint32_t allow;              /* enum allow */
    uint32_t sigterm;            /* 1: check, and write the trace, before death by SIGTERM */
    uint32_t timeout;            /* seconds, after which all is printed and the program aborted; 0: none */
    uint32_t misuse;             /* 1: say when a pthread_t is used wrongly */
    uint32_t history;            /* 1: keep numbers of threads over time */
    uint32_t events;             /* kept of what threads did last; 0: none */
    char only[OPTIONS_TEXT];     /* globs of programs that are checked at exit; empty: all */
    char log_path[OPTIONS_TEXT]; /* where notes and reports go, %p: the process id; empty: stderr */
    char rules[OPTIONS_TEXT];    /* files of rules, separated by newlines; empty: none */
    char baseline[OPTIONS_TEXT]; /* file of leaks that are known already; empty: none */
    char trace[OPTIONS_TEXT]; /* where the events go as a trace at exit, %p: the process id; empty: nowhere */
    char engine[OPTIONS_TEXT];        /* the command `threadleak`; empty: where the library finds it */
    char exit_socket[OPTIONS_TEXT];   /* see exit_socket.h; empty: none */
    char result_socket[OPTIONS_TEXT]; /* see result_socket.h; empty: none */
};

extern struct options options;

/* Whether a report in the format that is asked for is a document: nothing may follow it in its file. */
bool options_want_documents(void);

/* Reads the environment; ignored in setuid programs (AT_SECURE). A wrong key or value is named in one
 * sentence, and the rest holds. */
void options_read(void);

/* Why a check at exit would not be the one that was asked for: a word of the options that means nothing, or a
 * file that could not be read when the program started; a sentence that says what to do. NULL: it is. */
const char *options_fault(void);

#endif
