/* SPDX-License-Identifier: MIT */
#include "scope.h"

#include <string.h>

#include "init.h"
#include "registry.h"
#include "table.h"
#include "thread.h"

#define SCOPES_AT_START 64

static struct threadleak_scope first_scopes[SCOPES_AT_START] __attribute__((aligned(64)));
static struct pool pool = {.table = &threadleak_registry.scopes,
                           .link = offsetof(struct threadleak_scope, next_free)};
static uint64_t next_id = 1;

static struct threadleak_table *scopes(void)
{
    return &threadleak_registry.scopes;
}

static struct threadleak_scope *scope_at(uint32_t index)
{
    return table_entry(scopes(), index);
}

void scopes_init(struct threadleak_table *table)
{
    table_init(table, sizeof first_scopes[0], first_scopes, sizeof first_scopes, 1);
}

threadleak_scope_t scope_handle(uint32_t index)
{
    return index ? (uint64_t)scope_at(index)->sequence << 32 | index : 0;
}

/* The scope that a handle, which may be any number, names; NULL: none, or it was given back. */
static struct threadleak_scope *scope_of(threadleak_scope_t handle)
{
    uint32_t index = (uint32_t)handle;
    if (!index || index >= __atomic_load_n(&scopes()->used, __ATOMIC_ACQUIRE))
        return NULL;
    struct threadleak_scope *scope = scope_at(index);
    if (__atomic_load_n(&scope->sequence, __ATOMIC_ACQUIRE) != handle >> 32)
        return NULL;
    return scope;
}

uint32_t scope_hold(threadleak_scope_t handle)
{
    struct threadleak_scope *scope = scope_of(handle);
    if (!scope)
        return 0;
    uint32_t users = __atomic_load_n(&scope->users, __ATOMIC_RELAXED);
    do {
        if (!users)
            return 0; /* is being given back */
    } while (!__atomic_compare_exchange_n(&scope->users, &users, users + 1, 1, __ATOMIC_ACQUIRE,
                                          __ATOMIC_RELAXED));
    if (scope_of(handle)) /* still the same one, and now it stays so */
        return (uint32_t)handle;
    scope_drop((uint32_t)handle);
    return 0;
}

void scope_drop(uint32_t index)
{
    while (index) {
        struct threadleak_scope *scope = scope_at(index);
        if (__atomic_sub_fetch(&scope->users, 1, __ATOMIC_ACQ_REL))
            return;
        uint32_t parent = scope->parent;
        __atomic_store_n(&scope->sequence, scope->sequence + 1, __ATOMIC_RELAXED);
        __atomic_store_n(&scope->id, 0, __ATOMIC_RELEASE);
        pool_give(&pool, scope);
        index = parent; /* it was a user of the enclosing one */
    }
}

static void copy_name(struct threadleak_scope *scope, const char *name)
{
    memset(scope->name, 0, sizeof scope->name);
    if (name)
        strncpy(scope->name, name, sizeof scope->name - 1);
}

__attribute__((visibility("default"))) threadleak_scope_t threadleak_scope_begin_(const char *name)
{
    if (!library_ready())
        return 0;
    struct threadleak_scope *scope = pool_take(&pool, 0);
    if (!scope)
        return 0;
    scope->owner = thread_id();
    scope->parent = scope_hold(thread.scope);
    scope->begun_ns = registry_now();
    scope->ended_ns = scope->flags = scope->expected = 0;
    copy_name(scope, name);
    __atomic_store_n(&scope->users, 1, __ATOMIC_RELAXED);
    uint64_t id = __atomic_fetch_add(&next_id, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&scope->id, id, __ATOMIC_RELEASE);
    return thread.scope = scope_handle(table_index(scopes(), (uintptr_t)scope));
}

__attribute__((visibility("default"))) void threadleak_scope_end_(threadleak_scope_t handle)
{
    uint32_t index = scope_hold(handle);
    if (!index)
        return;
    struct threadleak_scope *scope = scope_at(index);
    if (thread.scope == handle)
        thread.scope = scope_handle(scope->parent);
    uint64_t open = 0; /* whoever sets the time ends it */
    if (__atomic_compare_exchange_n(&scope->ended_ns, &open, registry_now(), 0, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED)) {
        __atomic_fetch_or(&scope->flags, THREADLEAK_SCOPE_ENDED, __ATOMIC_RELEASE);
        scope_drop(index);
    }
    scope_drop(index);
}

void scopes_fork_child(uint32_t held)
{
    uint32_t used = (uint32_t)scopes()->used;
    scopes()->growing = 0;
    for (uint32_t i = 1; i < used; i++)
        scope_at(i)->users = scope_at(i)->id != 0;
    for (uint32_t i = 1; i < used; i++)
        if (scope_at(i)->id && scope_at(i)->parent)
            scope_at(scope_at(i)->parent)->users++;
    if (held)
        scope_at(held)->users++;
    for (uint32_t i = 1; i < used; i++)
        if (scope_at(i)->id && scope_at(i)->flags & THREADLEAK_SCOPE_ENDED)
            scope_drop(i); /* not open: the user counted above */
}
