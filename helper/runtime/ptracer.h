/* SPDX-License-Identifier: MIT
 *
 * ptracer.h - who may read this process where the kernel's security module Yama lets only ancestors do so
 * (Documentation/admin-guide/LSM/Yama.rst).
 */
#ifndef THREADLEAK_PTRACER_H
#define THREADLEAK_PTRACER_H

#include <stdbool.h>

/* Allows it to the process `pid` and its children, if Yama restricts it. */
void ptracer_allow(long pid);

/* Takes that back: what the program has said itself holds again. */
void ptracer_restore(void);

/* The program has called prctl(PR_SET_PTRACER, value). */
void ptracer_said(unsigned long value);

/* Whether the file, as the kernel's ptrace_scope, says that only ancestors and declared processes may. */
bool ptracer_is_restricted(const char *path);

#endif
