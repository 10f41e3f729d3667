/* SPDX-License-Identifier: MIT */
/* What a program says about threads beforehand, and checks of the whole process: the functions of
 * threadleak.h that are not about one scope. */
#include <string.h>

#include "expected.h"
#include "init.h"
#include "log.h"
#include "real.h"
#include "registry.h"
#include "scope.h"
#include "text.h"
#include "thread.h"
#include "threadleak.h"
#include "verify.h"

EXPORT threadleak_checkpoint_t threadleak_checkpoint_(void)
{
    if (!library_ready()) {
        __typeof__(threadleak_checkpoint_) *active = active_copy("threadleak_checkpoint_");
        return active ? active() : 1;
    }
    return __atomic_load_n(&threadleak_registry.next_id, __ATOMIC_ACQUIRE);
}

EXPORT int threadleak_verify_since_(threadleak_checkpoint_t checkpoint, const struct threadleak_options *how)
{
    if (!library_ready()) {
        __typeof__(threadleak_verify_since_) *active = active_copy("threadleak_verify_since_");
        return active ? active(checkpoint, how) : verify_unable(how, "this copy of the library is passive");
    }
    if (checkpoint > __atomic_load_n(&threadleak_registry.next_id, __ATOMIC_ACQUIRE))
        return verify_unable(how, "the checkpoint was not taken in this process");
    struct verify_request request = {.what = VERIFY_SINCE, .id = checkpoint, .how = how};
    return verify(&request);
}

EXPORT void threadleak_expect_(unsigned count)
{
    if (!library_ready()) {
        __typeof__(threadleak_expect_) *active = active_copy("threadleak_expect_");
        if (active)
            active(count);
        return;
    }
    if (count == UINT32_MAX || !scope_announce(thread.scope, count))
        thread.expect = count + 1;
}

EXPORT void threadleak_mark_daemon_(const char *reason)
{
    char text[sizeof((struct threadleak_rule *)0)->text];
    if (!library_ready()) {
        __typeof__(threadleak_mark_daemon_) *active = active_copy("threadleak_mark_daemon_");
        if (active)
            active(reason);
        return;
    }
    struct threadleak_record *record = thread_record();
    if (!record)
        return; /* main, or a thread that is not known: they never count */
    struct text rule = text_in(text, sizeof text);
    text_add(&rule, "daemon: ");
    text_add(&rule, reason ? reason : "no reason given");
    uint32_t index = expected_rule(text, 0);
    if (!index || !record_expect(record, thread.id, index))
        log_note("a daemon could not be marked: no room for another reason");
}
