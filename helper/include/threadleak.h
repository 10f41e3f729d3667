/* SPDX-License-Identifier: MIT
 *
 * threadleak.h - what a program can tell the library about its threads. C99 and C++11, since 0.1.0.
 *
 * Including this header costs nothing where the library is absent: every function is a weak reference, and
 * the inline functions below do nothing, or say "not there", when it is not loaded. So an annotated program
 * links and runs without the library; nothing has to be compiled twice.
 */
#ifndef THREADLEAK_H
#define THREADLEAK_H

#include <stddef.h>
#include <stdint.h>

#define THREADLEAK_VERSION "0.3.0"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- results ----------------------------------------------------------------------------------------
 *
 * What a check returns: the number of leaked threads, 0 if there are none, THREADLEAK_CANNOT_TELL (-1) if
 * nothing can be said: the library is not loaded, was loaded too late, lost data, or could not apply the
 * rules to threads that are alive. It is never 0 where nothing was checked.
 *
 * A check classifies, gives what is left the time that settle_ms allows, and then reports. It returns at the
 * moment when the last thread is gone, and at once where there is nothing to wait for. Threads that a rule
 * expects are marked, and cost neither the wait nor the engine a second time. The report, with a line to act
 * on first, goes to stderr or to the option log_path.
 *
 * A thread leaked if it is alive (its scope has ended: outlived) or finished without being joined (unjoined),
 * and no rule, mark or expectation says that this is fine. The calling thread and the main thread never
 * count.
 *
 * Checks may be called on any thread, also on several at once; errno stays as it is. They are no cancellation
 * points. Not async-signal-safe: in a signal handler that interrupts a check they return -1. All since 0.3.0
 * unless said otherwise.
 */
#define THREADLEAK_CANNOT_TELL (-1)

struct threadleak_options {
    uint32_t size;     /* sizeof(struct threadleak_options) */
    uint32_t flags;    /* THREADLEAK_ALLOW_DETACHED, ... */
    int32_t settle_ms; /* how long threads may take to end; -1: the option settle_ms, 500 unless set */
    uint32_t room;     /* bytes at `message`, the zero byte included */
    char *message;     /* filled with the first lines of the report, or why it cannot be told; or NULL */
    const char *rules; /* further rules for this check, one a line as in docs/rules.md; or NULL */
};

#define THREADLEAK_OPTIONS_INIT                                                                              \
    {                                                                                                        \
        sizeof(struct threadleak_options), 0, -1, 0, NULL, NULL                                              \
    }

#define THREADLEAK_ALLOW_DETACHED 0x1u /* detached threads that are alive are expected */
#define THREADLEAK_QUIET 0x2u          /* no report is printed: the caller shows `message` */
#define THREADLEAK_STRICT 0x4u         /* threads that the registry does not know are "cannot tell" */

/* ---- scopes -----------------------------------------------------------------------------------------*/

/* A scope: a named stretch of work (a test, a request). 0 is no scope. A value of its own type: plain data,
 * to be copied and passed between threads at will; it stays harmless after its scope has ended. */
typedef uint64_t threadleak_scope_t;

/* What had been created when it was taken. */
typedef uint64_t threadleak_checkpoint_t;

/* The library's own functions; call them through the functions below, which check that it is there. */
extern threadleak_scope_t threadleak_scope_begin_(const char *name) __attribute__((weak));
extern void threadleak_scope_end_(threadleak_scope_t scope) __attribute__((weak)); /* without a check */
extern int threadleak_scope_verify_(threadleak_scope_t scope, const struct threadleak_options *how)
    __attribute__((weak));
extern threadleak_scope_t threadleak_adopt_(threadleak_scope_t scope) __attribute__((weak));
extern int threadleak_verify_since_(threadleak_checkpoint_t checkpoint, const struct threadleak_options *how)
    __attribute__((weak));
extern threadleak_checkpoint_t threadleak_checkpoint_(void) __attribute__((weak));
extern void threadleak_expect_(unsigned count) __attribute__((weak));
extern void threadleak_mark_daemon_(const char *reason) __attribute__((weak));
extern void threadleak_disarm_(void) __attribute__((weak));
extern void threadleak_disarm_if_(int (*is_disarmed)(void)) __attribute__((weak));
extern int threadleak_selftest_(const struct threadleak_options *how) __attribute__((weak));

/* Fills `message`; for the functions below. */
static inline int threadleak_not_loaded_(const struct threadleak_options *how)
{
    static const char why[] =
        "cannot tell: threadleak is not loaded; preload libthreadleak.so, or link with it";
    if (how && how->message && how->room > 0) {
        uint32_t i = 0;
        for (; i + 1 < how->room && i + 1 < sizeof why; i++)
            how->message[i] = why[i];
        how->message[i] = '\0';
    }
    return THREADLEAK_CANNOT_TELL;
}

/* Whether the library is in the process. */
static inline int threadleak_is_loaded(void)
{
    return threadleak_scope_verify_ != NULL;
}

/* Begins a scope on the calling thread, inside the one that it is in already. Every thread that this thread
 * creates from now on belongs to it, and so do the threads that those create, however late.
 * `name` is copied, up to 71 bytes of it; NULL is an empty name.
 * Returns 0 where the library is not loaded or has no room (counted; `threadleak info` shows it).
 * Thread-safe; no locks, no malloc. Not async-signal-safe only in that the calling thread's scope changes.
 * Since 0.1.0. */
static inline threadleak_scope_t threadleak_scope_begin(const char *name)
{
    return threadleak_scope_begin_ ? threadleak_scope_begin_(name) : 0;
}

/* Ends `scope`, on whichever thread, and checks it: the threads that were created in it and in scopes inside
 * it. `how` may be NULL. On the thread that began it, the enclosing scope is current again; inner scopes
 * that were left open there are left as well, but not ended. Of a scope that has ended already, or of 0, it
 * cannot tell. Since 0.3.0; before, it had no options and checked nothing, as threadleak_scope_close does. */
static inline int threadleak_scope_end(threadleak_scope_t scope, const struct threadleak_options *how)
{
    return threadleak_scope_verify_ ? threadleak_scope_verify_(scope, how) : threadleak_not_loaded_(how);
}

/* Ends `scope` without a check: for stretches of work in production. A thread that belongs to it and is alive
 * from now on has outlived it, which `threadleak list` shows. Ending twice, or ending 0, does nothing. */
static inline void threadleak_scope_close(threadleak_scope_t scope)
{
    if (threadleak_scope_end_)
        threadleak_scope_end_(scope);
}

/* From now on the calling thread works for `scope`, which another thread may have begun: what it creates
 * belongs to it. Returns the scope that it was in, to be given back to this function. For workers of a shared
 * pool. */
static inline threadleak_scope_t threadleak_adopt(threadleak_scope_t scope)
{
    return threadleak_adopt_ ? threadleak_adopt_(scope) : 0;
}

/* From now on what the calling thread creates belongs to no scope: for a pool that is started by whichever
 * test needs it first, and that stays. Returns the scope that it was in, to be given to threadleak_adopt. */
static inline threadleak_scope_t threadleak_unscoped(void)
{
    return threadleak_adopt(0);
}

/* ---- checks of the whole process --------------------------------------------------------------------*/

/* Checks all threads of the process. */
static inline int threadleak_verify_none(const struct threadleak_options *how)
{
    return threadleak_verify_since_ ? threadleak_verify_since_(0, how) : threadleak_not_loaded_(how);
}

/* To check later only what is created from now on. Never 0 where the library is loaded. */
static inline threadleak_checkpoint_t threadleak_checkpoint(void)
{
    return threadleak_checkpoint_ ? threadleak_checkpoint_() : 0;
}

/* Checks the threads that were created since, on any thread. */
static inline int threadleak_verify_since(threadleak_checkpoint_t checkpoint,
                                          const struct threadleak_options *how)
{
    return threadleak_verify_since_ ? threadleak_verify_since_(checkpoint, how) : threadleak_not_loaded_(how);
}

/* The current scope of the calling thread leaves exactly `count` leaked threads behind, as its check will
 * see; where it has none, the next check on this thread will. Another number is reported, and what the check
 * returns is how far off it is. While threads are left the check waits until its deadline, also where their
 * number fits: one of them may be about to end, and then it would not. settle_ms 0 judges at once. For tests
 * of a leak, and of this library. */
static inline void threadleak_expect(unsigned count)
{
    if (threadleak_expect_)
        threadleak_expect_(count);
}

/* The calling thread is meant to live as long as the process. `reason` is copied and shown; it says why.
 * Whether it is joined in the end is another question: an unjoined thread is not expected by this. */
static inline void threadleak_mark_daemon(const char *reason)
{
    if (threadleak_mark_daemon_)
        threadleak_mark_daemon_(reason);
}

/* No check at exit: to be called before an exit that is meant to leave threads behind. */
static inline void threadleak_disarm(void)
{
    if (threadleak_disarm_)
        threadleak_disarm_();
}

/* The same where `is_disarmed` says so: of a fork child, say, whose end is not that of a program. It is asked
 * at the exit, and when threads are created, on any thread; the last one given holds. NULL: none. */
static inline void threadleak_disarm_if(int (*is_disarmed)(void))
{
    if (threadleak_disarm_if_)
        threadleak_disarm_if_(is_disarmed);
}

/* Plants a leak of each class, has a check find it, and cleans up: the control that proves that checks work
 * in this process. 0: all were found; -1: not, and `message` says which, or why not. Takes about as long as
 * one failing check. */
static inline int threadleak_selftest(const struct threadleak_options *how)
{
    return threadleak_selftest_ ? threadleak_selftest_(how) : threadleak_not_loaded_(how);
}

#ifdef __cplusplus
}
#endif

/* ---- for libraries ----------------------------------------------------------------------------------
 *
 * THREADLEAK_EXPECTED_THREADS("site:mylib_pool_start the pool lives as long as the process");
 * at file scope declares rules (docs/rules.md), in an ELF note of the program or shared library that holds
 * it: whoever uses that needs no list of its threads. Several rules are separated by newlines, or by further
 * uses of the macro. A note speaks only of threads whose creation stack or start routine passes through its
 * own file. It costs no code and no symbol, and works without the library. */
#define THREADLEAK_NOTE_NAME "threadleak"
#define THREADLEAK_NOTE_RULES 0x544c1001u
#define THREADLEAK_EXPECTED_THREADS(text) THREADLEAK_EXPECTED_THREADS_(text, __COUNTER__)
#define THREADLEAK_EXPECTED_THREADS_(text, number) THREADLEAK_EXPECTED_THREADS__(text, number)
#define THREADLEAK_EXPECTED_THREADS__(text, number)                                                          \
    static const struct {                                                                                    \
        uint32_t name_size, text_size, type;                                                                 \
        char name[12];                                                                                       \
        char words[(sizeof(text) + 3) / 4 * 4];                                                              \
    } threadleak_note_##number __attribute__((used, aligned(4), section(".note.threadleak"))) = {            \
        sizeof THREADLEAK_NOTE_NAME, sizeof(text), THREADLEAK_NOTE_RULES, THREADLEAK_NOTE_NAME, text}

#ifdef __cplusplus
namespace threadleak
{

/* A scope as an object. Its end checks it, unless an exception is on its way through: then the scope ends
 * without a check, since what it left behind is the exception's doing. The result of the check is given to
 * `result`, if that is not null; the report is printed either way. */
class scope
{
  public:
    explicit scope(const char *name, int *result = nullptr, const threadleak_options *how = nullptr)
        : handle_(threadleak_scope_begin(name)), result_(result), options_(how), exceptions_(exceptions())
    {
    }
    scope(const scope &) = delete;
    scope &operator=(const scope &) = delete;
    ~scope()
    {
        if (handle_ && exceptions() > exceptions_)
            threadleak_scope_close(handle_);
        else
            end();
    }

    /* Ends it now, and returns the result of the check. */
    int end()
    {
        if (is_over_)
            return last_;
        is_over_ = true;
        last_ = threadleak_scope_end(handle_, options_);
        if (result_)
            *result_ = last_;
        return last_;
    }

    threadleak_scope_t handle() const
    {
        return handle_;
    }

  private:
    /* As std::uncaught_exceptions of C++17, which C++11 has not. */
    static int exceptions();

    threadleak_scope_t handle_;
    int *result_;
    const threadleak_options *options_;
    int exceptions_;
    bool is_over_ = false;
    int last_ = THREADLEAK_CANNOT_TELL;
};

} /* namespace threadleak */

#include <exception>

inline int threadleak::scope::exceptions()
{
#if defined(__cpp_lib_uncaught_exceptions)
    return std::uncaught_exceptions();
#else
    return std::uncaught_exception() ? 1 : 0;
#endif
}
#endif

#endif
