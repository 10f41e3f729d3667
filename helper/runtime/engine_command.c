/* SPDX-License-Identifier: MIT */
#include "engine_command.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "options.h"
#include "output.h"
#include "real.h"
#include "registry.h"
#include "start_folder.h"
#include "system_call.h"
#include "text.h"

#ifndef THREADLEAK_COMMAND
#define THREADLEAK_COMMAND "/usr/local/bin/threadleak" /* the Makefile says where it is installed */
#endif

#define PATH_SIZE (START_FOLDER_SIZE + OPTIONS_TEXT)
#define ARGUMENTS 48
#define ARGUMENTS_SIZE 32768
#define VARIABLES 1024 /* of the environment; what is beyond is left out */

static char places[SPAWN_PATHS][PATH_SIZE];
static char *arguments[ARGUMENTS + 1];
static char arguments_text[ARGUMENTS_SIZE];
static char *environment[VARIABLES + 1];
static char log_file[LOG_PATH_SIZE], trace_file[LOG_PATH_SIZE];
static struct spawn_command command;

/* ---- where it is ------------------------------------------------------------------------------------*/

/* Relative to the library: in the source tree, and as installed with and without a folder for the machine
 * type. */
static const char *const beside_library[] = {"../scripts/threadleak", "../bin/threadleak",
                                             "../../bin/threadleak"};

#ifdef THREADLEAK_WRAP

static const char *library_path(void)
{
    return NULL; /* the archive is a part of the program, which lies anywhere */
}

#else

static const char *library_path(void)
{
    Dl_info info;
    return dladdr((void *)engine_command_init, &info) ? info.dli_fname : NULL;
}

#endif

static void add_folder(struct text *place, const char *path)
{
    const char *slash = strrchr(path, '/');
    start_folder_add(place, path);
    text_add_bytes(place, path, slash ? (size_t)(slash + 1 - path) : 0);
}

void engine_command_init(void)
{
    unsigned count = 0;
    const char *library = library_path();
    if (getauxval(AT_SECURE))
        return; /* a setuid program does not start interpreters on our behalf */
    if (options.engine[0]) {
        struct text place = text_in(places[0], PATH_SIZE);
        start_folder_add(&place, options.engine);
        text_add(&place, options.engine);
        command.paths[0] = places[0];
        return;
    }
    for (unsigned i = 0; library && i < sizeof beside_library / sizeof *beside_library; i++) {
        struct text place = text_in(places[count], PATH_SIZE);
        add_folder(&place, library);
        text_add(&place, beside_library[i]);
        if (!place.is_cut)
            command.paths[count] = places[count], count++;
    }
    command.paths[count] = THREADLEAK_COMMAND;
}

const char *engine_command_path(void)
{
    return command.paths[0] ? command.paths[0] : "threadleak";
}

/* ---- its environment --------------------------------------------------------------------------------*/

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void fill_environment(void)
{
    unsigned count = 0;
    for (char **variable = environ; variable && *variable && count < VARIABLES; variable++) {
        if (!begins_with(*variable, "LD_") && !begins_with(*variable, "PYTHON") &&
            !begins_with(*variable, "THREADLEAK_OPTIONS="))
            environment[count++] = *variable;
    }
    environment[count] = NULL;
}

/* ---- its arguments ----------------------------------------------------------------------------------*/

struct list {
    unsigned count;
    struct text text;
};

static void begin_argument(struct list *list, const char *name)
{
    if (list->count == ARGUMENTS || list->text.length + 1 >= list->text.size) {
        list->text.is_cut = true;
        return;
    }
    if (list->count)
        list->text.length++; /* behind the zero byte of the one before */
    arguments[list->count++] = list->text.start + list->text.length;
    arguments[list->count] = NULL;
    text_add(&list->text, name);
}

static void add_text(struct list *list, const char *name, const char *value)
{
    begin_argument(list, name);
    text_add(&list->text, value);
}

static void add_number(struct list *list, const char *name, uint64_t value)
{
    begin_argument(list, name);
    text_add_number(&list->text, value);
}

static void add_what(struct list *list, const struct verify_request *request)
{
    static const char *const whats[] = {
        [VERIFY_SCOPE] = "what=scope:", [VERIFY_SINCE] = "what=since:", [VERIFY_EXIT] = "what=exit:"};
    add_number(list, whats[request->what], request->id ? request->id : 1);
}

static void add_file(struct list *list, const char *name, const char *path, size_t length)
{
    begin_argument(list, name);
    start_folder_add(&list->text, path);
    text_add_bytes(&list->text, path, length);
}

static void add_rules(struct list *list, const char *name)
{
    for (const char *file = options.rules; *file;) {
        size_t length = strcspn(file, "\n");
        add_file(list, name, file, length);
        file += length + (file[length] != 0);
    }
}

static void add_files(struct list *list)
{
    add_rules(list, "rules=");
    if (options.no_builtin)
        add_text(list, "no_builtin=", "1");
    if (options.baseline[0])
        add_file(list, "baseline=", options.baseline, strlen(options.baseline));
}

/* Where a document can be a file of its own; a terminal, a pipe or a link is written to as it is. */
static bool is_place_for_documents(const char *path)
{
    struct stat status;
    long error = system_call(SYS_newfstatat, AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW);
    return error ? error == -ENOENT : S_ISREG(status.st_mode);
}

static void add_output(struct list *list)
{
    if (options_want_documents() && log_file[0] && is_place_for_documents(log_file))
        add_text(list, "output=", log_file);
    else if (log_file[0])
        command.output = log_file;
}

static bool fill_arguments(const struct engine_task *task)
{
    static const char *const formats[] = {"text",   "json",  "junit", "tap",
                                          "github", "sarif", "html",  "json+html"};
    struct list list = {0, text_in(arguments_text, sizeof arguments_text)};
    add_text(&list, "threadleak", "");
    add_text(&list, "verify", "");
    add_text(&list, "protocol=1", "");
    add_number(&list, "pid=", (uint64_t)getpid());
    begin_argument(&list, "registry=");
    text_add_address(&list.text, (uintptr_t)&threadleak_registry);
    add_number(&list, "self=", task->self);
    add_what(&list, task->request);
    add_text(&list, "title=", task->title);
    add_number(&list, "ask=", SPAWN_FD_IN);
    add_number(&list, "answer=", SPAWN_FD_OUT);
    add_number(&list, "flags=", task->flags);
    add_text(&list, "format=", formats[options.format]);
    add_output(&list);
    add_number(&list, "patience=", OUTPUT_PATIENCE_S);
    add_files(&list);
    if (task->rules && task->rules[0])
        add_text(&list, "ruletext=", task->rules);
    if (task->expect >= 0)
        add_number(&list, "expect=", (uint64_t)task->expect);
    return !list.text.is_cut;
}

static void fill_surroundings(void)
{
    fill_environment();
    command.arguments = arguments;
    command.environment = environment;
    command.output = NULL;
    struct text path = text_in(log_file, sizeof log_file);
    log_add_path(&path, options.log_path);
}

const struct spawn_command *engine_command(const struct engine_task *task)
{
    fill_surroundings();
    return fill_arguments(task) ? &command : NULL;
}

/* `threadleak COMMAND PID`, which writes to where notes go. */
static struct list begin_command(const char *name)
{
    struct list list = {0, text_in(arguments_text, sizeof arguments_text)};
    fill_surroundings();
    if (log_file[0] && !options_want_documents())
        command.output = log_file;
    add_text(&list, "threadleak", "");
    add_text(&list, name, "");
    add_number(&list, "", (uint64_t)getpid());
    return list;
}

const struct spawn_command *engine_command_stacks(void)
{
    begin_command("stacks");
    return &command;
}

const struct spawn_command *engine_command_trace(void)
{
    struct list list = begin_command("trace");
    struct text path = text_in(trace_file, sizeof trace_file);
    log_add_path(&path, options.trace);
    begin_argument(&list, "--registry=");
    text_add_address(&list.text, (uintptr_t)&threadleak_registry);
    add_text(&list, "--output=", trace_file);
    add_text(&list, "--keep", ""); /* of another process that was told the same name */
    add_rules(&list, "--rules=");
    if (options.no_builtin)
        add_text(&list, "--no-builtin", "");
    if (options.allow == ALLOW_DETACHED)
        add_text(&list, "--allow=", "detached");
    return &command;
}
