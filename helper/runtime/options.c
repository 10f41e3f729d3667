/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "log.h"
#include "sites.h"
#include "text.h"

#define EVENTS_DEFAULT 1024
#define EVENTS_OF_TRACE 65536
#define EVENTS_MOST (1u << 22)

struct options options;

/* Every option, once: its name, where it goes, and what it is for. */
static const struct option {
    const char *name;
    size_t offset;
    uint32_t least, most; /* of a number; a text has most == 0, and least == 1 if it may be said repeatedly */
    uint32_t normal;
    const char *help;
    const char *words; /* "none|check|..." that stand for 0, 1, ...; NULL: it is written as a number */
} table[] = {
    {"frames", offsetof(struct options, frames), 1, SITE_FRAMES_MAX, 32, "frames kept of a creation stack",
     NULL},
    {"max_records", offsetof(struct options, max_records), 0, UINT32_MAX, 0,
     "threads kept at once, 0: as many as memory allows", NULL},
    {"eagain_report", offsetof(struct options, eagain_report), 0, 1, 0,
     "1: print the threads by creation site when a creation fails with EAGAIN", NULL},
    {"settle_ms", offsetof(struct options, settle_ms), 0, 3600000, 500,
     "milliseconds that a check gives threads to end before it counts them", NULL},
    {"strict", offsetof(struct options, strict), 0, 1, 0,
     "1: a check cannot tell while there are threads that the library does not know", NULL},
    {"rules", offsetof(struct options, rules), 1, 0, 0,
     "file of rules that say which threads are expected; may be given several times", NULL},
    {"no_builtin", offsetof(struct options, no_builtin), 0, 1, 0,
     "1: without the rules for well-known libraries", NULL},
    {"baseline", offsetof(struct options, baseline), 0, 0, 0, "file of leaks that are known already", NULL},
    {"format", offsetof(struct options, format), 0, 7, FORMAT_TEXT, "of the reports of checks",
     "text|json|junit|tap|github|sarif|html|json+html"},
    {"engine", offsetof(struct options, engine), 0, 0, 0,
     "the command `threadleak` that checks start, instead of the one that came with the library", NULL},
    {"at_exit", offsetof(struct options, at_exit), 0, 2, AT_EXIT_NONE,
     "check: look for leaked threads at exit, status 3 if there are any; report: the status stays",
     "none|check|report"},
    {"exitcode", offsetof(struct options, exitcode), 0, 255, 3,
     "exit status of a program that says 0 and leaked, 0: it stays 0", NULL},
    {"allow", offsetof(struct options, allow), 0, 1, ALLOW_NONE,
     "detached: detached threads may be alive at exit", "none|detached"},
    {"only", offsetof(struct options, only), 0, 0, 0,
     "GLOB[,GLOB]: names of the programs that are checked at exit", NULL},
    {"sigterm", offsetof(struct options, sigterm), 0, 1, 0, "1: check before death by SIGTERM, too", NULL},
    {"timeout", offsetof(struct options, timeout), 0, 1000000, 0,
     "seconds until all threads are printed and the program is aborted, 0: never", NULL},
    {"misuse", offsetof(struct options, misuse), 0, 1, 1,
     "1: say where a thread is joined twice, joined or detached after it was detached, ...", NULL},
    {"history", offsetof(struct options, history), 0, 1, 1,
     "1: keep numbers of threads over time, for `threadleak history`", NULL},
    {"events", offsetof(struct options, events), 0, EVENTS_MOST, EVENTS_DEFAULT,
     "kept of what threads did last, 64 bytes each, 0: none; with trace 65536 unless said", NULL},
    {"trace", offsetof(struct options, trace), 0, 0, 0,
     "file that gets the events as a trace at exit, for Perfetto; %p: the pid", NULL},
    {"log_path", offsetof(struct options, log_path), 0, 0, 0,
     "file of notes and reports, not stderr; one for each report that is a document; %p: the pid", NULL},
    {"exit_socket", offsetof(struct options, exit_socket), 0, 0, 0,
     "abstract Unix socket that is told of the exit, and that may hold it; of `threadleak run`", NULL},
    {"result_socket", offsetof(struct options, result_socket), 0, 0, 0,
     "Unix socket that is told what the check at exit found; of `threadleak run`", NULL},
};

#define OPTIONS (sizeof table / sizeof table[0])

static void print_words(struct log *log, const struct option *option)
{
    log_text(log, " (");
    log_text(log, option->words);
    log_text(log, "; default the first)");
}

static void print_help(void)
{
    struct log log;
    log_begin_on_stderr(&log);
    log_text(&log, "threadleak: THREADLEAK_OPTIONS=key=value:key=value, with the keys\n");
    for (size_t i = 0; i < OPTIONS; i++) {
        log_text(&log, "  ");
        log_text(&log, table[i].name);
        for (size_t n = strlen(table[i].name); n < 16; n++)
            log_text(&log, " ");
        log_text(&log, table[i].help);
        if (table[i].words)
            print_words(&log, &table[i]);
        else if (table[i].most) {
            log_text(&log, " (default ");
            log_number(&log, table[i].normal);
            log_text(&log, ")");
        }
        log_text(&log, "\n");
    }
    log_text(&log, "  help            print this and go on\n");
    log_end(&log);
}

bool options_want_documents(void)
{
    return options.format != FORMAT_TEXT && options.format != FORMAT_GITHUB;
}

/* ---- what is wrong with them ----------------------------------------------------------------- */

static char fault[OPTIONS_TEXT + 200]; /* the first one, a sentence */

const char *options_fault(void)
{
    return fault[0] ? fault : NULL;
}

static void note_fault(const char *before, const char *subject, size_t length, const char *after)
{
    struct text text = text_in(fault, fault[0] ? 0 : sizeof fault);
    text_add(&text, before);
    text_add_bytes(&text, subject, length);
    text_add(&text, after);
}

/* On stderr, since log_path may be what is wrong, or comes later. */
static void say(const char *what, const char *subject, const char *after)
{
    struct log log;
    log_begin_on_stderr(&log);
    log_text(&log, "threadleak: ");
    log_text(&log, what);
    log_text(&log, subject);
    log_text(&log, after);
    log_text(&log, "\n");
    log_end(&log);
}

/* A check at exit says it at the exit. */
static void complain_of_file(const char *path)
{
    static const char what[] = "THREADLEAK_OPTIONS names a file that cannot be read: ";
    static const char after[] = "; correct it, or leave it out";
    note_fault(what, path, strlen(path), after);
    if (options.at_exit == AT_EXIT_NONE)
        say(what, path, after);
}

/* Now, and not when they are needed, which may be never: a path that is misspelt is to be noticed. */
static void look_for_files(const char *paths)
{
    char path[OPTIONS_TEXT];
    while (*paths) {
        size_t length = strcspn(paths, "\n");
        struct text text = text_in(path, sizeof path);
        text_add_bytes(&text, paths, length);
        if (access(path, R_OK))
            complain_of_file(path);
        paths += length + (paths[length] != 0);
    }
}

static void complain(const char *what, const char *key)
{
    note_fault("THREADLEAK_OPTIONS says something that means nothing, '", key, strlen(key),
               "'; correct it, THREADLEAK_OPTIONS=help prints what there is");
    say(what, key, "'; THREADLEAK_OPTIONS=help prints what there is");
}

static bool parse_number(const char *text, const struct option *option, uint32_t *number)
{
    uint64_t value = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || (value = value * 10 + (uint64_t)(*text - '0')) > UINT32_MAX)
            return false;
    }
    *number = (uint32_t)value;
    return value >= option->least && value <= option->most;
}

/* The number that the word `text` stands for. */
static bool parse_word(const char *text, const struct option *option, uint32_t *number)
{
    size_t length = strlen(text);
    const char *word = option->words;
    for (*number = 0; *number <= option->most; ++*number) {
        size_t n = strcspn(word, "|");
        if (n == length && memcmp(word, text, n) == 0)
            return true;
        word += n + 1;
    }
    return false;
}

/* A text that may be said repeatedly is a list, one value a line. */
static bool set_text(const char *value, const struct option *option)
{
    char *field = (char *)&options + option->offset;
    size_t used = option->least ? strlen(field) : 0;
    if (!*value || used + 1 + strlen(value) >= OPTIONS_TEXT)
        return false;
    if (used)
        field[used++] = '\n';
    strcpy(field + used, value);
    return true;
}

static void set_number(const struct option *option, uint32_t number)
{
    memcpy((char *)&options + option->offset, &number, sizeof number);
}

static bool says_events;

static void set(const char *key, const char *value)
{
    if (strcmp(key, "help") == 0) {
        print_help();
        return;
    }
    for (size_t i = 0; i < OPTIONS; i++) {
        if (strcmp(key, table[i].name) != 0)
            continue;
        uint32_t number;
        bool (*parse)(const char *, const struct option *, uint32_t *) =
            table[i].words ? parse_word : parse_number;
        bool is_usable = table[i].most ? parse(value, &table[i], &number) : set_text(value, &table[i]);
        if (is_usable && table[i].most)
            set_number(&table[i], number);
        says_events |= table[i].offset == offsetof(struct options, events);
        if (!is_usable)
            complain("THREADLEAK_OPTIONS: unusable value for '", key);
        if (!is_usable && table[i].offset == offsetof(struct options, at_exit))
            options.at_exit = AT_EXIT_CHECK; /* something was asked for */
        return;
    }
    complain("THREADLEAK_OPTIONS: no option '", key);
}

/* Copies one `key=value` from `text` and returns where the next one begins, or NULL; `is_open`: its quote
 * does not end. */
static const char *split(const char *text, char *word, size_t size, char **value, bool *is_open)
{
    size_t n = 0;
    char quote = 0;
    *value = NULL;
    for (; *text && (quote || *text != ':'); text++) {
        if (quote ? *text == quote : *text == '\'' || *text == '"') {
            quote = quote ? 0 : *text;
            continue;
        }
        if (n + 1 < size)
            word[n++] = *text;
        if (*text == '=' && !*value && !quote) {
            word[n - 1] = '\0';
            *value = word + n;
        }
    }
    word[n] = '\0';
    if (!*value)
        *value = word + n;
    *is_open = quote;
    return *text ? text + 1 : NULL;
}

void options_read(void)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (table[i].most)
            set_number(&table[i], table[i].normal);
    const char *text = getauxval(AT_SECURE) ? NULL : getenv("THREADLEAK_OPTIONS");
    static char word[OPTIONS_TEXT + 64]; /* static: the thread that gets here first may have a small stack */
    char *value;
    bool is_open;
    while (text) {
        text = split(text, word, sizeof word, &value, &is_open);
        if (*word && is_open)
            complain("THREADLEAK_OPTIONS: a quote does not end in the value of '", word);
        if (*word)
            set(word, value);
    }
    if (options.trace[0] && !says_events)
        options.events = EVENTS_OF_TRACE;
    look_for_files(options.rules);
    look_for_files(options.baseline);
}
