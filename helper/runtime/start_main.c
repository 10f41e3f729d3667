/* SPDX-License-Identifier: MIT */
#include "start_main.h"

#include <stdlib.h>

#include "exit_check.h"
#include "exit_trace.h"
#include "init.h"
#include "real.h"

typedef int main_function(int, char **, char **);
typedef void leave_function(int); /* as exit, but a call of it may be a jump, which noreturn forbids */

static main_function *program_main;

/* A jump if the exit is not checked. */
static int run_main(int argc, char **argv, char **environment)
{
    if (!exit_check_wanted())
        return program_main(argc, argv, environment);
    library_watch_exit_again();
    int status = program_main(argc, argv, environment);
    exit_check_begin(status);
    return status;
}

/* In a static program nothing is ready when this runs, neither thread-local storage nor relocations. */
EXPORT int WRAPPER(__libc_start_main)(main_function *main, int argc, char **argv, void (*init)(void),
                                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    program_main = main;
#ifdef THREADLEAK_WRAP
    if (rtld_fini) /* a dynamic program: libc is ready, and does not know of rtld_fini yet */
        library_watch_end();
#endif
    return REAL(__libc_start_main)(run_main, argc, argv, init, fini, rtld_fini, stack_end);
}

extern leave_function leave_by_exit __asm__(WRAPPER_SYMBOL("exit")) EXPORT;
extern leave_function leave_by_quick_exit __asm__(WRAPPER_SYMBOL("quick_exit")) EXPORT;

void leave_by_exit(int status)
{
    exit_check_begin(status);
    ((leave_function *)REAL(exit))(status);
}

void leave_by_quick_exit(int status)
{
    exit_check_begin(status);
    ((leave_function *)REAL(quick_exit))(status);
}

extern leave_function leave_by_raw_exit __asm__(WRAPPER_SYMBOL("_exit")) EXPORT;
extern leave_function leave_by_capital_exit __asm__(WRAPPER_SYMBOL("_Exit")) EXPORT;

void leave_by_raw_exit(int status)
{
    int checked = exit_check_cut(status);
    exit_trace_write();
    ((leave_function *)REAL(_exit))(checked);
}

void leave_by_capital_exit(int status)
{
    int checked = exit_check_cut(status);
    exit_trace_write();
    ((leave_function *)REAL(_exit))(checked);
}

void exit_really(int status)
{
    REAL(exit)(status);
    __builtin_unreachable();
}

void quick_exit_really(int status)
{
    REAL(quick_exit)(status);
    __builtin_unreachable();
}
