/* SPDX-License-Identifier: MIT */
#include "expected.h"

#include <sched.h>
#include <string.h>

#include "registry.h"
#include "table.h"
#include "thread.h"

#define RULES_AT_START 32

static struct threadleak_rule first_rules[RULES_AT_START] __attribute__((aligned(64)));

void expected_init(struct threadleak_table *table)
{
    table_init(table, sizeof first_rules[0], first_rules, sizeof first_rules, 1);
}

static struct threadleak_rule *rule_at(uint32_t index)
{
    return table_entry(&threadleak_registry.rules, index);
}

static uint32_t enter(const char *text, uint32_t flags)
{
    size_t length = strnlen(text, sizeof rule_at(0)->text - 1);
    uint64_t used = threadleak_registry.rules.used;
    for (uint32_t i = 1; i < used; i++) {
        const struct threadleak_rule *rule = rule_at(i);
        if (rule->flags == flags && !strncmp(rule->text, text, length) && !rule->text[length])
            return i;
    }
    uint32_t index = table_take(&threadleak_registry.rules);
    if (index == TABLE_FULL)
        return 0;
    rule_at(index)->flags = flags;
    memcpy(rule_at(index)->text, text, length);
    return index;
}

static const struct thread_self *busy; /* the thread that enters a text */

uint32_t expected_rule(const char *text, uint32_t flags)
{
    for (;;) {
        const struct thread_self *other = NULL;
        if (__atomic_compare_exchange_n(&busy, &other, &thread, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            break;
        if (other == &thread)
            return 0;
        sched_yield();
    }
    uint32_t index = enter(text, flags);
    __atomic_store_n(&busy, NULL, __ATOMIC_RELEASE);
    return index;
}

void expected_fork_child(void)
{
    busy = NULL;
    threadleak_registry.rules.growing = 0;
}

int expected_holds(uint32_t rule, uint32_t state)
{
    if (!rule)
        return 0;
    return !(state & THREADLEAK_STATE_FINISHED) || rule_at(rule)->flags & THREADLEAK_RULE_UNJOINED;
}

bool expected_exits(uint32_t rule)
{
    return rule && rule_at(rule)->flags & THREADLEAK_RULE_EXITS;
}
