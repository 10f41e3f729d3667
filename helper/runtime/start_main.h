/* SPDX-License-Identifier: MIT
 *
 * start_main.h - where a program's end begins: main returns, or exit or quick_exit is called.
 *
 * The wrappers of __libc_start_main, exit, quick_exit, _exit and _Exit leave no frame of ours on the stack
 * unless the exit is checked. Where the process really ends is known where exit handlers are in libc's lists:
 * one that is registered before the dynamic linker's own (_dl_fini, csu/libc-start.c) runs after the
 * destructors of all libraries. A static program has no such handler, but its libc calls our _exit.
 *
 * libc's own callers of exit do not pass through here: err(3), error(3) and the like, and the
 * last thread of a process whose main thread called pthread_exit. An exit handler catches those (init.h).
 */
#ifndef THREADLEAK_START_MAIN_H
#define THREADLEAK_START_MAIN_H

/* Exits with `status` by the real exit: inside an exit handler the remaining handlers run, and this status
 * counts (glibc, stdlib/exit.c). */
__attribute__((noreturn)) void exit_really(int status);
__attribute__((noreturn)) void quick_exit_really(int status);

#endif
