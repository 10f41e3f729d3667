/* SPDX-License-Identifier: MIT */
#include "held.h"

#include "candidates.h"
#include "engine.h"
#include "registry.h"
#include "table.h"

/* Ids that follow one another are told as one; records are no longer in their order once some were recycled.
 */
static void tell_who_is_left(const struct selection *selection, uint64_t end)
{
    const struct threadleak_table *records = &threadleak_registry.records;
    uint64_t used = __atomic_load_n(&records->used, __ATOMIC_ACQUIRE), first = 0, last = 0, left = 0;
    for (uint64_t i = 0; i < used; i++) {
        const struct threadleak_record *record = table_entry(records, (uint32_t)i);
        uint64_t id = __atomic_load_n(&record->id, __ATOMIC_ACQUIRE);
        if (id >= end || !candidates_has(selection, record))
            continue;
        if (left++ && id != last + 1)
            engine_left(first, last);
        if (left == 1 || id != last + 1)
            first = id;
        last = id;
    }
    if (left)
        engine_left(first, last);
}

static int result_of(const struct engine_answer *answer)
{
    if (!answer->has_answered || answer->why.length)
        return THREADLEAK_CANNOT_TELL;
    return answer->leaked > INT32_MAX ? INT32_MAX : (int)answer->leaked;
}

int held_report(const struct verify_request *request, uint64_t end)
{
    char why[240];
    const struct threadleak_options *how = request->how;
    struct engine_answer answer = {.message = text_in(how->message, how->message ? how->room : 0),
                                   .why = text_in(why, sizeof why)};
    const struct selection selection = verify_selection(request, how->flags);
    if (!engine_resume(&answer))
        return THREADLEAK_CANNOT_TELL;
    tell_who_is_left(&selection, end);
    engine_report();
    int result = result_of(&answer);
    if (!answer.has_answered)
        engine_drop();
    engine_release(true);
    return result;
}

void held_drop(void)
{
    char why[240];
    struct engine_answer answer = {.why = text_in(why, sizeof why)};
    if (!engine_resume(&answer))
        return;
    engine_drop();
    engine_release(true);
}
