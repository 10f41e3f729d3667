/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "options.h"
#include "registry.h"
#include "table.h"

#define GROUPS 10       /* shown */
#define FRAMES_SHOWN 12 /* of a group */

void report_begin(struct report *report)
{
    report->saved_errno = errno;
    report->length = 0;
    long fd = -1;
    if (options.log_path[0])
        fd = syscall(SYS_openat, AT_FDCWD, options.log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    report->opened = fd >= 0;
    report->fd = fd >= 0 ? (int)fd : STDERR_FILENO;
}

static void flush(struct report *report)
{
    for (size_t done = 0; done < report->length;) {
        long n = syscall(SYS_write, report->fd, report->text + done, report->length - done);
        if (n <= 0 && errno != EINTR)
            break; /* nobody to tell */
        done += n > 0 ? (size_t)n : 0;
    }
    report->length = 0;
}

void report_text(struct report *report, const char *text)
{
    for (; *text; text++) {
        if (report->length == sizeof report->text)
            flush(report);
        report->text[report->length++] = *text;
    }
}

static void report_digits(struct report *report, uint64_t number, unsigned base)
{
    char digits[24], *at = digits + sizeof digits - 1;
    *at = '\0';
    do
        *--at = "0123456789abcdef"[number % base];
    while (number /= base);
    report_text(report, at);
}

void report_number(struct report *report, uint64_t number)
{
    report_digits(report, number, 10);
}

void report_address(struct report *report, uint64_t address)
{
    report_text(report, "0x");
    report_digits(report, address, 16);
}

void report_end(struct report *report)
{
    flush(report);
    if (report->opened)
        syscall(SYS_close, report->fd);
    errno = report->saved_errno;
}

void report_note(const char *text)
{
    struct report report;
    report_begin(&report);
    report_text(&report, "threadleak: ");
    report_text(&report, text);
    report_text(&report, "\n");
    report_end(&report);
}

/* Threads of one site, counted over the records at the moment of the report. */
struct group {
    uint32_t site;
    uint64_t unjoined, alive;
};

static bool is_thread(const struct threadleak_record *record)
{
    return __atomic_load_n(&record->id, __ATOMIC_ACQUIRE) && record->state & THREADLEAK_STATE_STARTED &&
           !(record->state & THREADLEAK_STATE_MAIN);
}

static struct group count_site(uint32_t site)
{
    const struct threadleak_table *table = &threadleak_registry.records;
    struct group group = {.site = site};
    for (uint64_t i = 0; i < table->used; i++) {
        const struct threadleak_record *record = table_entry(table, (uint32_t)i);
        if (!is_thread(record) || (site != UINT32_MAX && record->site != site))
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
static unsigned largest(struct group *groups)
{
    const struct threadleak_table *table = &threadleak_registry.sites;
    unsigned count = 0;
    for (uint64_t i = 1; i < table->used; i++) {
        const struct threadleak_site *site = table_entry(table, (uint32_t)i);
        if (count == GROUPS && site->created <= groups[GROUPS - 1].unjoined + groups[GROUPS - 1].alive)
            continue;
        struct group group = count_site((uint32_t)i);
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

static void print_frame(struct report *report, unsigned number, uint64_t frame)
{
    uint64_t pc = THREADLEAK_FRAME_PC(frame);
    uint16_t index = THREADLEAK_FRAME_MODULE(frame);
    report_text(report, "    #");
    report_number(report, number);
    report_text(report, " ");
    report_address(report, pc);
    if (index) {
        const struct threadleak_module *module = table_entry(&threadleak_registry.modules, index);
        report_text(report, " (");
        report_text(report, module->name);
        report_text(report, "+");
        report_address(report, pc - module->bias);
        report_text(report, ")");
    }
    report_text(report, "\n");
}

static void print_group(struct report *report, const struct group *group)
{
    const struct threadleak_site *site = table_entry(&threadleak_registry.sites, group->site);
    const uint64_t *frames = (const uint64_t *)(site + 1);
    report_text(report, "  ");
    report_number(report, group->unjoined);
    report_text(report, " finished and never joined, ");
    report_number(report, group->alive);
    report_text(report, " alive, created at\n");
    for (unsigned i = 0; i < site->frame_count && i < FRAMES_SHOWN; i++)
        print_frame(report, i, frames[i]);
}

static void print_groups(const struct group *all)
{
    struct report report;
    struct group groups[GROUPS];
    report_begin(&report);
    report_text(&report, "threadleak: a thread could not be created (EAGAIN): ");
    report_number(&report, all->unjoined);
    report_text(&report, " threads finished and were never joined, ");
    report_number(&report, all->alive);
    report_text(&report, " are alive\n");
    unsigned count = largest(groups);
    for (unsigned i = 0; i < count; i++)
        print_group(&report, &groups[i]);
    report_end(&report);
}

void report_eagain(void)
{
    static uint64_t next; /* how many threads there have to be before it is said again */
    static uint32_t busy;
    if (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE))
        return;
    struct group all = count_site(UINT32_MAX);
    if (all.unjoined + all.alive >= next) {
        next = 2 * (all.unjoined + all.alive) + 1;
        print_groups(&all);
    }
    __atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}
