/* SPDX-License-Identifier: MIT */
/* Wrappers, too: a thread gets a name; and what else prctl says. */
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "clock.h"
#include "events.h"
#include "init.h"
#include "ptracer.h"
#include "real.h"
#include "registry.h"
#include "thread.h"

/* As the kernel does: 15 bytes of it. */
static void name_thread(struct thread_found found, const char *name)
{
    char kept[THREADLEAK_NAME_SIZE] = "";
    memcpy(kept, name, strnlen(name, sizeof kept - 1));
    record_name(found.record, kept);
    struct event event = {.kind = THREADLEAK_EVENT_NAME, .thread = thread_id(), .other = found.id};
    event_note_named(moment_to_note(), event, kept);
}

EXPORT int WRAPPER(pthread_setname_np)(pthread_t pthread, const char *name)
{
    struct thread_found found = library_ready() ? thread_find(pthread) : (struct thread_found){NULL, 0};
    int error = REAL(pthread_setname_np)(pthread, name);
    if (!error && found.record)
        name_thread(found, name);
    return error;
}

/* Strict seccomp does, too (disable_TSC in the kernel's seccomp.c). */
static bool takes_counter_away(int option, unsigned long argument)
{
    return (option == PR_SET_TSC && argument != PR_TSC_ENABLE) ||
           (option == PR_SET_SECCOMP && argument == SECCOMP_MODE_STRICT);
}

EXPORT int WRAPPER(prctl)(int option, ...)
{
    unsigned long arguments[4];
    va_list list;
    va_start(list, option);
    for (int i = 0; i < 4; i++)
        arguments[i] = va_arg(list, unsigned long);
    va_end(list);
    uint64_t *ring = __atomic_load_n(&events_ring, __ATOMIC_RELAXED);
    bool had_counter = clock_state.has_counter, is_taken = takes_counter_away(option, arguments[0]);
    if (is_taken) {
        events_stop(); /* their clock is out of reach */
        clock_forbid_counter();
    }
    int result = REAL(prctl)(option, arguments[0], arguments[1], arguments[2], arguments[3]);
    if (is_taken && result) { /* not after all */
        __atomic_store_n(&clock_state.has_counter, had_counter, __ATOMIC_RELAXED);
        __atomic_store_n(&events_ring, ring, __ATOMIC_RELAXED);
    }
    if (option == PR_SET_PTRACER && result == 0)
        ptracer_said(arguments[0]);
    if (option == PR_SET_NAME && result == 0 && library_ready()) {
        struct threadleak_record *record = thread_record();
        if (record && threadleak_registry.pid == (uint32_t)getpid()) /* a vfork child has our memory */
            name_thread((struct thread_found){record, thread.id}, (const char *)arguments[0]);
    }
    return result;
}
