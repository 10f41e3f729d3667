/* SPDX-License-Identifier: MIT
 *
 * engine.h - the conversation with the engine, which applies the rules to the threads that a check found and
 * prints the report. One at a time in a process.
 *
 * The verify protocol, version 1. The library executes (spawn.h, engine_command.h)
 *
 *   threadleak verify protocol=1 pid=PID registry=0xADDRESS self=ID what=WHAT title=TEXT ask=FD answer=FD
 * flags=N format=FORMAT [output=FILE] patience=SECONDS [rules=FILE]... [no_builtin=1] [baseline=FILE]
 * [ruletext=TEXT] [expect=N]
 *
 *   self    id of the calling thread, which never counts, 0: it has no record
 *   what    scope:ID (threads of scopes inside it count too), since:ID (1: the whole process) or exit:ID (the
 *           same, of a process that is exiting)
 *   flags   THREADLEAK_ALLOW_DETACHED, THREADLEAK_QUIET, THREADLEAK_STRICT
 *   output  the report is a document: it becomes a file of its own, FILE or, where that exists, another one
 *   patience  if nobody takes the report for so long, it is lost, and the answer comes all the same
 *   expect  the number of leaks that was announced; any other is what is reported
 *
 * Without `output` the report belongs to its standard output. It reads `ask` and writes `answer`, lines that
 * end with \n; in texts \ and newline are written as \\ and \n. First it looks at the process and says
 *
 *   rule NUMBER FLAGS TEXT   a rule that it will speak of; FLAGS: THREADLEAK_RULE_*, or 0
 *   expected ID NUMBER       this thread is expected, by that rule; 0: no longer, nothing can wake it
 *   site INDEX NUMBER START  what is created there to begin in that routine (a number) is: the rule speaks of
 *                            the creation alone
 *   classified LEFT          that was all; so many leaks as it looks now
 *
 * The library lets threads end, and then either closes the connection (all is well; the engine is ended) or
 * says `report`. The engine looks again, prints the report, and answers
 *
 *   message TEXT             for threadleak_options.message: the headline first, 2 KiB at most; any number
 *   reported A-B             the threads with these ids are in the report; not of a process that is exiting
 *   leaked N                 so many, or 0; or: how far off the announced number
 *   blind REASON             it cannot be told
 *   unread REASON            the process cannot be read, so that no rule was applied: as without an engine
 *
 * and ends. To `hold` instead of `report` it answers the same, but prints nothing yet, and waits: for
 *
 *   left A-B                 the threads with these ids are still there, any number of such lines
 *   report                   it prints the report on these alone, answers the same again, and ends
 *   drop                     it ends, and prints nothing
 *
 * or the end of the process, after which it prints what it has (gdb/threadleak/commands/verify_held.py).
 * Silence for ENGINE_SILENCE_NS, or an end without an answer, is "cannot tell".
 */
#ifndef THREADLEAK_ENGINE_H
#define THREADLEAK_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine_command.h"
#include "text.h"

#ifndef ENGINE_SILENCE_NS
#define ENGINE_SILENCE_NS 30000000000u
#endif

/* What is known so far. */
struct engine_answer {
    bool is_classified, is_over; /* over: nothing more will come */
    bool has_answered;           /* leaked N, or blind */
    uint64_t left, leaked;
    struct text message; /* what the lines `message` said */
    struct text why;     /* blind, or why there is no answer; empty: neither */
};

/* Takes the engine for the calling check; false: another one has it. Its end is an event (settle.h). */
bool engine_take(void);

/* Starts it. `answer` is filled from now on; its texts are where the caller wants them. */
void engine_start(const struct engine_task *task, struct engine_answer *answer);

/* Takes in what it has said. Does not block. */
void engine_listen(void);

/* Asks for the report, and waits for the answer. */
void engine_report(void);

/* Has the report made and held back, and waits for the answer. */
void engine_hold(void);

/* After the answer: until engine_resume, others that want the engine may have it, and then nothing is held
 * any more. */
void engine_keep(void);

bool engine_is_kept(void);

/* Takes the engine that is kept; false: there is none. It has not answered yet. */
bool engine_resume(struct engine_answer *answer);

/* Of the threads in the report that is held, those with ids from `first` to `last` are still there. */
void engine_left(uint64_t first, uint64_t last);

/* What is held is not to be printed. */
void engine_drop(void);

/* Ends it and lets others have it. `waits`: until it is cleared away, which takes the kernel about as long as
 * a thread may take to notice that it is not needed. */
void engine_release(bool waits);

/* Not 0: one that was not waited for may still have to be cleared away. */
extern uint32_t engine_is_left;

/* Does so, if it can be done at once. */
void engine_clear_away(void);

/* In a fork child nobody has it. */
void engine_fork_child(void);

#endif
