/* SPDX-License-Identifier: MIT
 *
 * error.h - one sentence about what failed, for threadleak_probe_error. One a thread.
 */
#ifndef THREADLEAK_ERROR_H
#define THREADLEAK_ERROR_H

__attribute__((format(printf, 1, 2))) void probe_error(const char *format, ...);

#endif
