/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <stdbool.h>
#include <stdint.h>

#include "log.h"
#include "registry.h"
#include "table.h"

#define GROUPS 10       /* shown */
#define FRAMES_SHOWN 12 /* of a group */

/* Threads of one site, counted over the records at the moment of the log. */
struct group {
    uint32_t site;
    uint64_t unjoined, alive;
};

/* All threads but main, expected ones too, where `selection` is NULL. */
static bool is_thread(const struct selection *selection, const struct threadleak_record *record)
{
    if (selection)
        return candidates_has(selection, record);
    return __atomic_load_n(&record->id, __ATOMIC_ACQUIRE) && !(record->state & THREADLEAK_STATE_MAIN);
}

static struct group count_site(const struct selection *selection, uint32_t site)
{
    const struct threadleak_table *table = &threadleak_registry.records;
    struct group group = {.site = site};
    for (uint64_t i = 0; i < table->used; i++) {
        const struct threadleak_record *record = table_entry(table, (uint32_t)i);
        if (!is_thread(selection, record) || (site != UINT32_MAX && record->site != site))
            continue;
        if (record->state & THREADLEAK_STATE_FINISHED)
            group.unjoined++;
        else
            group.alive++;
    }
    return group;
}

static bool is_larger(const struct group *a, const struct group *b)
{
    return a->unjoined + a->alive > b->unjoined + b->alive;
}

/* The GROUPS largest groups, largest first. Sites with fewer creations than the smallest of them need not be
 * counted, so that a few passes over the records do. */
static unsigned largest(const struct selection *selection, struct group *groups)
{
    const struct threadleak_table *table = &threadleak_registry.sites;
    unsigned count = 0;
    for (uint64_t i = 1; i < table->used; i++) {
        const struct threadleak_site *site = table_entry(table, (uint32_t)i);
        if (count == GROUPS && site->created <= groups[GROUPS - 1].unjoined + groups[GROUPS - 1].alive)
            continue;
        struct group group = count_site(selection, (uint32_t)i);
        if (group.unjoined + group.alive == 0)
            continue;
        unsigned at = count < GROUPS ? count++ : GROUPS;
        for (; at > 0 && is_larger(&group, &groups[at - 1]); at--)
            if (at < GROUPS)
                groups[at] = groups[at - 1];
        if (at < GROUPS)
            groups[at] = group;
    }
    return count;
}

static void print_frame(struct log *log, unsigned number, uint64_t frame)
{
    uint64_t pc = THREADLEAK_FRAME_PC(frame);
    uint16_t index = THREADLEAK_FRAME_MODULE(frame);
    log_text(log, "    #");
    log_number(log, number);
    log_text(log, " ");
    log_address(log, pc);
    if (index) {
        const struct threadleak_module *module = table_entry(&threadleak_registry.modules, index);
        log_text(log, " (");
        log_text(log, module->name);
        log_text(log, "+");
        log_address(log, pc - module->bias);
        log_text(log, ")");
    }
    log_text(log, "\n");
}

static void print_group(struct log *log, const struct group *group)
{
    const struct threadleak_site *site = table_entry(&threadleak_registry.sites, group->site);
    const uint64_t *frames = (const uint64_t *)(site + 1);
    log_text(log, "  ");
    log_number(log, group->unjoined);
    log_text(log, " finished and never joined, ");
    log_number(log, group->alive);
    log_text(log, " alive, created at\n");
    for (unsigned i = 0; i < site->frame_count && i < FRAMES_SHOWN; i++)
        print_frame(log, i, frames[i]);
}

/* `before` and `after` stand around the numbers in the first line. */
static void print(const struct selection *selection, const struct group *all, const char *before,
                  const char *after)
{
    struct log log;
    struct group groups[GROUPS];
    log_begin(&log);
    log_text(&log, "threadleak: ");
    log_text(&log, before);
    log_number(&log, all->unjoined);
    log_text(&log, " threads finished and were never joined, ");
    log_number(&log, all->alive);
    log_text(&log, " are alive");
    log_text(&log, after);
    log_text(&log, "\n");
    unsigned count = largest(selection, groups);
    for (unsigned i = 0; i < count; i++)
        print_group(&log, &groups[i]);
    log_end(&log);
}

void report_leaks(const struct selection *selection, const char *title)
{
    char place[128];
    struct text after = text_in(place, sizeof place);
    struct group all = count_site(selection, UINT32_MAX);
    text_add(&after, ", in ");
    text_add(&after, title);
    print(selection, &all, "", place);
}

void report_eagain(void)
{
    static uint64_t next; /* how many threads there have to be before it is said again */
    static uint32_t busy;
    if (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE))
        return;
    struct group all = count_site(NULL, UINT32_MAX);
    if (all.unjoined + all.alive >= next) {
        next = 2 * (all.unjoined + all.alive) + 1;
        print(NULL, &all, "a thread could not be created (EAGAIN): ", "");
    }
    __atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}
