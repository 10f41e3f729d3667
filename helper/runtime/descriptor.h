/* SPDX-License-Identifier: MIT
 *
 * descriptor.h - whether a pthread_t means anything: what glibc's own descriptor, which it is the address of,
 * says (nptl/descr.h). Looking at it is safe for any number.
 */
#ifndef THREADLEAK_DESCRIPTOR_H
#define THREADLEAK_DESCRIPTOR_H

#include <pthread.h>
#include <stdint.h>

/* Looks up what descriptors_of_others needs. */
void descriptors_init(void);

enum descriptor {
    DESCRIPTOR_VALID,    /* nothing speaks against it */
    DESCRIPTOR_NONE,     /* no descriptor lies there: never was one, or its memory was given back */
    DESCRIPTOR_JOINED,   /* the thread was joined, and no other one has taken its place */
    DESCRIPTOR_DETACHED, /* a detached thread has ended, and no other one has taken its place */
    DESCRIPTOR_UNUSED,   /* the same of a thread that was joined or detached, or is the parent's of a fork */
};

/* Some system calls. `id`, if not NULL, becomes the id of the thread, 0: it had no record. */
enum descriptor descriptor_look(pthread_t pthread, uint64_t *id);

/* How many descriptors glibc's lists of threads have beside the caller's: those of all threads that are
 * alive, or joinable and not joined, whoever created them. For the only thread of the process: others would
 * change the lists. -1: it is not known where they are, as before glibc 2.34 and in a static program. */
int64_t descriptors_of_others(void);

#endif
