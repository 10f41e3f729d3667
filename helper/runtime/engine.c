/* SPDX-License-Identifier: MIT */
#include "engine.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "expected.h"
#include "registry.h"
#include "settle.h"
#include "sites.h"
#include "system_call.h"
#include "table.h"
#include "under_valgrind.h"

#define LINE 4096  /* the rest of a longer one is left out */
#define RULES 1024 /* numbers that the engine may give */

static uint32_t is_taken, is_kept;
uint32_t engine_is_left;

static struct {
    struct engine_answer *answer;
    int fd;
    bool is_shown;         /* what is reported, to people: on stderr, or by the caller, who gets its text */
    uint32_t rules[RULES]; /* index in the registry, by the engine's number */
    uint64_t next_record;  /* where the search for the next one begins: they come in order */
    size_t length;         /* of what has come of a line */
    char line[LINE];
} talk = {.fd = -1};

/* ---- what it says -----------------------------------------------------------------------------------*/

static uint64_t take_number(char **at)
{
    uint64_t number = 0;
    while (**at >= '0' && **at <= '9')
        number = number * 10 + (uint64_t)(*(*at)++ - '0');
    if (**at == ' ')
        ++*at;
    return number;
}

static char *unescaped(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from == '\\' && from[1])
            *to++ = *++from == 'n' ? '\n' : *from;
        else
            *to++ = *from;
    }
    *to = '\0';
    return text;
}

static uint32_t rule_of(uint64_t number)
{
    return number < RULES ? talk.rules[number] : 0;
}

static void rule(char *at)
{
    uint64_t number = take_number(&at);
    uint32_t flags = (uint32_t)take_number(&at);
    if (number < RULES)
        talk.rules[number] = expected_rule(unescaped(at), flags);
}

/* NULL: it is gone. */
static struct threadleak_record *record_of(uint64_t id)
{
    const struct threadleak_table *records = &threadleak_registry.records;
    uint64_t used = __atomic_load_n(&records->used, __ATOMIC_ACQUIRE);
    for (uint64_t looked = 0; id && looked < used; looked++) {
        uint64_t n = (talk.next_record + looked) % used;
        struct threadleak_record *record = table_entry(records, (uint32_t)n);
        if (__atomic_load_n(&record->id, __ATOMIC_ACQUIRE) != id)
            continue;
        talk.next_record = n + 1;
        return record;
    }
    return NULL;
}

static void expected(char *at)
{
    uint64_t id = take_number(&at), number = take_number(&at);
    uint32_t index = rule_of(number);
    struct threadleak_record *record = index || !number ? record_of(id) : NULL;
    if (record)
        record_expect(record, id, index);
}

static void reported(char *at)
{
    uint64_t first = take_number(&at);
    at += *at == '-';
    uint64_t last = take_number(&at), end = __atomic_load_n(&threadleak_registry.next_id, __ATOMIC_ACQUIRE);
    for (uint64_t id = first; talk.is_shown && id <= last && id < end; id++) {
        struct threadleak_record *record = record_of(id);
        if (record)
            record_report(record, id);
    }
}

/* Threads that were created there already, to begin in that routine, are expected too. */
static void site(char *at)
{
    const struct threadleak_table *records = &threadleak_registry.records;
    uint64_t number = take_number(&at);
    uint32_t index = rule_of(take_number(&at));
    uint64_t start = take_number(&at);
    if (!index || number > UINT32_MAX || !site_expect((uint32_t)number, start, index))
        return;
    uint64_t used = __atomic_load_n(&records->used, __ATOMIC_ACQUIRE);
    for (uint64_t n = 0; n < used; n++) {
        struct threadleak_record *record = table_entry(records, (uint32_t)n);
        uint64_t id = __atomic_load_n(&record->id, __ATOMIC_ACQUIRE);
        if (id && record->site == number && record->start == start)
            record_expect(record, id, index);
    }
}

static void classified(char *at)
{
    talk.answer->left = take_number(&at);
    talk.answer->is_classified = true;
}

static void message(char *at)
{
    struct text *text = &talk.answer->message;
    if (text->length)
        text_add(text, "\n");
    text_add(text, unescaped(at));
}

static void leaked(char *at)
{
    talk.answer->leaked = take_number(&at);
    talk.answer->has_answered = talk.answer->is_over = true;
}

static void blind(char *at)
{
    text_add(&talk.answer->why, *at ? unescaped(at) : "the engine does not say why");
    talk.answer->has_answered = talk.answer->is_over = true;
}

static void unread(char *at)
{
    text_add(&talk.answer->why, unescaped(at));
    talk.answer->is_over = true;
}

static void hear(char *line)
{
    static const struct {
        const char *word;
        void (*act)(char *rest);
    } words[] = {
        {"rule ", rule},       {"expected ", expected}, {"site ", site},     {"classified ", classified},
        {"message ", message}, {"reported ", reported}, {"leaked ", leaked}, {"blind ", blind},
        {"unread ", unread}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i].word);
        if (strncmp(line, words[i].word, length) == 0)
            words[i].act(line + length);
    }
}

static void take_in(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != '\n' && talk.length + 1 < sizeof talk.line) {
            talk.line[talk.length++] = bytes[i];
        } else if (bytes[i] == '\n') {
            talk.line[talk.length] = '\0';
            talk.length = 0;
            hear(talk.line);
        }
    }
}

/* ---- why there is no answer -------------------------------------------------------------------------*/

static void add_error(struct text *why, int error)
{
    static const struct {
        int error;
        const char *text;
    } known[] = {{ENOENT, "it, or the interpreter that it names, is not there"},
                 {EACCES, "it may not be executed"},
                 {EPERM, "it may not be executed"},
                 {EAGAIN, "no further process is allowed"},
                 {ENOMEM, "out of memory"},
                 {EMFILE, "out of file descriptors"},
                 {ENFILE, "out of file descriptors"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].error == error) {
            text_add(why, known[i].text);
            return;
        }
    }
    text_add(why, "error ");
    text_add_number(why, (uint64_t)error);
}

static void not_started(int error)
{
    struct text *why = &talk.answer->why;
    talk.answer->is_over = true;
    text_add(why, "the engine could not be started: ");
    add_error(why, error);
    if (error == ENOENT || error == EACCES) {
        text_add(why, ": ");
        text_add(why, engine_command_path());
    }
}

static void lost(const char *how)
{
    talk.answer->is_over = true;
    if (spawn_error()) {
        not_started(spawn_error());
        return;
    }
    text_add(&talk.answer->why, "the engine ");
    text_add(&talk.answer->why, how);
}

/* ---- the conversation -------------------------------------------------------------------------------*/

static bool is_connected(void)
{
    if (!spawn_is_connected())
        lost("cannot be reached: its descriptor was closed");
    return !talk.answer->is_over;
}

/* Never blocks. Where it has ended already, its last words are still to be heard. */
static void say(const char *text, size_t size)
{
    if (talk.answer->is_over || !is_connected())
        return;
    long sent = system_call(SYS_sendto, talk.fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
    if (sent != (long)size && sent != -EPIPE && sent != -ECONNRESET)
        lost("does not listen");
}

static bool take_from_keeper(void)
{
    static struct engine_answer nobodys;
    if (!engine_resume(&nobodys))
        return false;
    engine_drop();
    spawn_close();
    spawn_reap(true);
    return true;
}

bool engine_take(void)
{
    return !__atomic_exchange_n(&is_taken, 1, __ATOMIC_ACQUIRE) || take_from_keeper();
}

void engine_start(const struct engine_task *task, struct engine_answer *answer)
{
    spawn_reap(true); /* the last one needs our stack, and was told to end */
    const struct spawn_command *command = engine_command(task);
    talk.answer = answer;
    talk.fd = -1;
    talk.is_shown = !(task->flags & THREADLEAK_QUIET) || answer->message.size;
    talk.length = talk.next_record = 0;
    memset(talk.rules, 0, sizeof talk.rules);
    const char *obstacle = !command              ? "the rules of this check are too long"
                           : !command->paths[0]  ? "no engine is started in a setuid program"
                           : is_under_valgrind() ? "no engine can be started under Valgrind"
                                                 : NULL;
    if (obstacle) {
        answer->is_over = true;
        text_add(&answer->why, obstacle);
        return;
    }
    int fd = spawn_start(command);
    if (fd >= 0)
        talk.fd = fd;
    else
        not_started(-fd);
}

/* False: nothing is there, or nothing more will come. */
static bool receive(void)
{
    static char bytes[LINE];
    if (!is_connected())
        return false;
    long count = system_call(SYS_recvfrom, talk.fd, bytes, sizeof bytes, MSG_DONTWAIT, NULL, NULL);
    if (count > 0)
        take_in(bytes, (size_t)count);
    else if (count != -EAGAIN && count != -EINTR)
        lost("ended without an answer");
    return count > 0;
}

void engine_listen(void)
{
    while (!talk.answer->is_over && receive())
        ;
}

/* Nothing was said for too long. */
static bool is_silent(uint64_t since)
{
    uint64_t now = settle_now(), until = since + ENGINE_SILENCE_NS;
    uint64_t left = until > now ? until - now : 0;
    const struct timespec time = {.tv_sec = (time_t)(left / 1000000000),
                                  .tv_nsec = (long)(left % 1000000000)};
    struct pollfd event = {.fd = talk.fd, .events = POLLIN};
    return system_call(SYS_ppoll, &event, 1, &time, NULL, 0) == 0;
}

static void ask(const char *word)
{
    uint32_t generation = threadleak_registry.fork_generation;
    say(word, strlen(word));
    for (uint64_t heard = settle_now(); !talk.answer->is_over;) {
        if (threadleak_registry.fork_generation != generation) {
            talk.answer->is_over = true; /* a signal handler has forked: the engine is our parent's */
            text_add(&talk.answer->why, "the process forked during the check");
        } else if (is_silent(heard)) {
            lost("does not answer");
        } else if (receive()) {
            heard = settle_now();
        }
    }
}

void engine_report(void)
{
    ask("report\n");
}

void engine_hold(void)
{
    ask("hold\n");
}

void engine_keep(void)
{
    spawn_outlive(true);
    talk.answer = NULL;
    __atomic_store_n(&is_kept, 1, __ATOMIC_RELEASE);
}

bool engine_is_kept(void)
{
    return __atomic_load_n(&is_kept, __ATOMIC_ACQUIRE);
}

bool engine_resume(struct engine_answer *answer)
{
    if (!__atomic_exchange_n(&is_kept, 0, __ATOMIC_ACQUIRE))
        return false;
    talk.answer = answer;
    talk.length = 0;
    return true;
}

void engine_left(uint64_t first, uint64_t last)
{
    char line[64];
    struct text text = text_in(line, sizeof line);
    text_add(&text, "left ");
    text_add_number(&text, first);
    text_add(&text, "-");
    text_add_number(&text, last);
    text_add(&text, "\n");
    say(line, text.length);
}

void engine_drop(void)
{
    static const char word[] = "drop\n";
    say(word, sizeof word - 1);
    spawn_outlive(false); /* it is ended as well: it may not have heard */
}

static void give_away(void)
{
    __atomic_store_n(&is_taken, 0, __ATOMIC_SEQ_CST);
    settle_happened();
}

void engine_release(bool waits)
{
    spawn_outlive(false);
    spawn_close();
    talk.fd = -1;
    __atomic_store_n(&engine_is_left, !spawn_reap(waits), __ATOMIC_RELAXED);
    give_away();
}

void engine_clear_away(void)
{
    if (!engine_take())
        return;
    __atomic_store_n(&engine_is_left, !spawn_reap(false), __ATOMIC_RELAXED);
    give_away();
}

void engine_fork_child(void)
{
    spawn_fork_child();
    talk.fd = -1;
    is_taken = is_kept = engine_is_left = 0;
}
