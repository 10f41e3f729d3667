/* SPDX-License-Identifier: MIT */
#include "scope.h"

#include <stddef.h>

#include "events.h"
#include "init.h"
#include "real.h"
#include "registry.h"
#include "table.h"
#include "thread.h"
#include "verify.h"

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

uint64_t scope_id(uint32_t index)
{
    return index ? __atomic_load_n(&scope_at(index)->id, __ATOMIC_RELAXED) : 0;
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

/* Byte by byte, not by strncpy: ThreadSanitizer intercepts that, and does not see what orders the threads
 * that have this entry one after the other. */
static void copy_name(struct threadleak_scope *scope, const char *name)
{
    for (size_t i = 0; i < sizeof scope->name; i++) {
        bool is_end = !name || !*name || i == sizeof scope->name - 1;
        __atomic_store_n(&scope->name[i], is_end ? '\0' : *name++, __ATOMIC_RELAXED);
        if (is_end)
            name = NULL;
    }
}

EXPORT threadleak_scope_t threadleak_scope_begin_(const char *name)
{
    if (!library_ready()) {
        __typeof__(threadleak_scope_begin_) *begin = active_copy("threadleak_scope_begin_");
        return begin ? begin(name) : 0;
    }
    struct threadleak_scope *scope = pool_take(&pool, 0);
    if (!scope)
        return 0;
    scope->owner = thread_id();
    scope->parent = scope_hold(thread.scope);
    struct moment now = moment_now();
    scope->begun_ns = now.ns;
    scope->ended_ns = scope->flags = scope->expected = 0;
    copy_name(scope, name);
    __atomic_store_n(&scope->users, 1, __ATOMIC_RELAXED);
    uint64_t id = __atomic_fetch_add(&next_id, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&scope->id, id, __ATOMIC_RELEASE);
    struct event event = {.kind = THREADLEAK_EVENT_SCOPE_BEGIN,
                          .thread = scope->owner,
                          .other = id,
                          .scope = (uint32_t)scope_id(scope->parent)};
    event_note_named(now, event, scope->name);
    return thread.scope = scope_handle(table_index(scopes(), (uintptr_t)scope));
}

/* The thread leaves `scope`, and what it has open inside. */
static void leave(threadleak_scope_t handle, const struct threadleak_scope *scope)
{
    for (threadleak_scope_t at = thread.scope; at && at != handle;) {
        const struct threadleak_scope *inner = scope_of(at);
        at = inner ? scope_handle(inner->parent) : 0;
        if (!at)
            return; /* it is in another one */
    }
    if (thread.scope)
        thread.scope = scope_handle(scope->parent);
}

/* The index of the scope, which has ended now, with one use of it for the caller; 0: it had ended already, or
 * never was one. */
static uint32_t end_scope(threadleak_scope_t handle)
{
    uint32_t index = scope_hold(handle);
    if (!index)
        return 0;
    struct threadleak_scope *scope = scope_at(index);
    leave(handle, scope);
    struct moment now = moment_now();
    uint64_t open = 0; /* whoever sets the time ends it */
    bool is_first =
        __atomic_compare_exchange_n(&scope->ended_ns, &open, now.ns, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    if (is_first) {
        __atomic_fetch_or(&scope->flags, THREADLEAK_SCOPE_ENDED, __ATOMIC_RELEASE);
        event_note(now, (struct event){
                            .kind = THREADLEAK_EVENT_SCOPE_END, .thread = thread_id(), .other = scope->id});
    }
    scope_drop(index);
    return is_first ? index : 0; /* the use that it had while it was open */
}

EXPORT void threadleak_scope_end_(threadleak_scope_t handle)
{
    if (library_ready()) {
        scope_drop(end_scope(handle));
        return;
    }
    __typeof__(threadleak_scope_end_) *end = active_copy("threadleak_scope_end_");
    if (end)
        end(handle);
}

EXPORT int threadleak_scope_verify_(threadleak_scope_t handle, const struct threadleak_options *how)
{
    if (!library_ready()) {
        __typeof__(threadleak_scope_verify_) *active = active_copy("threadleak_scope_verify_");
        return active ? active(handle, how) : verify_unable(how, "this copy of the library is passive");
    }
    uint32_t index = end_scope(handle);
    if (!index)
        return verify_unable(how, handle ? "the scope has ended already" : "no scope was begun");
    struct threadleak_scope *scope = scope_at(index);
    struct verify_request request = {
        .what = VERIFY_SCOPE, .scope = index, .id = scope->id, .title = scope->name, .how = how};
    int result = verify(&request);
    scope_drop(index);
    return result;
}

EXPORT threadleak_scope_t threadleak_adopt_(threadleak_scope_t handle)
{
    if (!library_ready()) {
        __typeof__(threadleak_adopt_) *adopt = active_copy("threadleak_adopt_");
        return adopt ? adopt(handle) : 0;
    }
    threadleak_scope_t before = thread.scope;
    thread.scope = handle;
    return before;
}

bool scope_announce(threadleak_scope_t handle, uint32_t count)
{
    uint32_t index = scope_hold(handle);
    if (!index)
        return false;
    bool is_open = !(__atomic_load_n(&scope_at(index)->flags, __ATOMIC_ACQUIRE) & THREADLEAK_SCOPE_ENDED);
    if (is_open)
        __atomic_store_n(&scope_at(index)->expected, count + 1, __ATOMIC_RELAXED);
    scope_drop(index);
    return is_open;
}

static void count_user(const struct threadleak_record *record)
{
    if (record && record->scope)
        scope_at(record->scope)->users++;
}

void scopes_fork_child(const struct threadleak_record *survivor, const struct threadleak_record *creating)
{
    uint32_t used = (uint32_t)scopes()->used;
    scopes()->growing = 0;
    for (uint32_t i = 1; i < used; i++)
        scope_at(i)->users = scope_at(i)->id != 0;
    for (uint32_t i = 1; i < used; i++)
        if (scope_at(i)->id && scope_at(i)->parent)
            scope_at(scope_at(i)->parent)->users++;
    count_user(survivor);
    if (creating != survivor)
        count_user(creating);
    for (uint32_t i = 1; i < used; i++)
        if (scope_at(i)->id && scope_at(i)->flags & THREADLEAK_SCOPE_ENDED)
            scope_drop(i); /* not open: the user counted above */
}
