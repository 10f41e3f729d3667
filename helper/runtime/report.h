/* SPDX-License-Identifier: MIT
 *
 * report.h - the plain report: threads by creation site, as names of files and addresses. It serves where no
 * engine can run.
 */
#ifndef THREADLEAK_REPORT_H
#define THREADLEAK_REPORT_H

#include "candidates.h"

/* Prints the candidates of a check, grouped by site, largest first. */
void report_leaks(const struct selection *selection, const char *title);

/* A creation has just failed with EAGAIN: prints the threads grouped by site, largest first. Once, and again
 * when there are twice as many; a second thread that comes meanwhile prints nothing. */
void report_eagain(void);

#endif
