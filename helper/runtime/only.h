/* SPDX-License-Identifier: MIT
 *
 * only.h - which programs are judged. What is preloaded into a test driver gets into everything that it
 * starts: shells, make, compilers.
 */
#ifndef THREADLEAK_ONLY_H
#define THREADLEAK_ONLY_H

#include <stdbool.h>

/* Whether this program is one of those that the option `only` names, or there is no such option. A glob
 * without a slash is held against the file name, another one against the whole path: of the file that was
 * executed, which may be a script, and of the program that runs. */
bool only_this_program(void);

#endif
