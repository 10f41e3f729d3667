/* SPDX-License-Identifier: MIT
 *
 * Scopes: what inherits them, how they nest and end, and that a stale handle does no harm.
 */
#include <stdio.h>
#include <unistd.h>

#include "gate.h"
#include "threadleak.h"

static const struct threadleak_scope *scope_of(uint64_t id)
{
    const struct threadleak_record *record = view_record(id);
    return record->scope ? view_entry(&threadleak_registry.scopes, record->scope) : NULL;
}

static uint64_t open_scopes(void)
{
    uint64_t count = 0;
    for (uint64_t i = 1; i < threadleak_registry.scopes.used; i++)
        count += ((struct threadleak_scope *)view_entry(&threadleak_registry.scopes, i))->id != 0;
    return count;
}

static void release(pthread_t pthread)
{
    sem_post(&gate);
    pthread_join(pthread, NULL);
}

static void threads_belong_to_the_innermost_open_scope(void **state)
{
    (void)state;
    pthread_t pthread;
    threadleak_scope_t outer = threadleak_scope_begin("outer");
    threadleak_scope_t inner = threadleak_scope_begin("inner");
    uint64_t id = create(&pthread, at_gate, NULL);
    const struct threadleak_scope *scope = scope_of(id);
    assert_string_equal(scope->name, "inner");
    const struct threadleak_scope *parent = view_entry(&threadleak_registry.scopes, scope->parent);
    assert_string_equal(parent->name, "outer");
    assert_int_equal(scope->owner, 1);
    release(pthread);

    threadleak_scope_close(inner);
    id = create(&pthread, at_gate, NULL);
    assert_string_equal(scope_of(id)->name, "outer");
    release(pthread);

    threadleak_scope_close(outer);
    id = create(&pthread, at_gate, NULL);
    assert_null(scope_of(id));
    release(pthread);
    assert_int_equal(open_scopes(), 0);
}

static void the_end_of_the_outer_scope_leaves_the_inner_one_too(void **state)
{
    (void)state;
    pthread_t pthread;
    threadleak_scope_t outer = threadleak_scope_begin("outer");
    threadleak_scope_t inner = threadleak_scope_begin("inner");
    threadleak_scope_close(outer);
    uint64_t id = create(&pthread, at_gate, NULL);
    assert_null(scope_of(id));
    release(pthread);
    threadleak_scope_close(inner);
    assert_int_equal(open_scopes(), 0);
}

static pthread_t grandchild;
static uint64_t grandchild_id;

static void *creates_at_gate(void *arg)
{
    at_gate(NULL);
    grandchild_id = create(&grandchild, at_gate, arg);
    return NULL;
}

static void children_of_children_inherit_even_after_the_end(void **state)
{
    (void)state;
    pthread_t pthread;
    threadleak_scope_t scope = threadleak_scope_begin("test 1");
    create(&pthread, creates_at_gate, NULL);
    threadleak_scope_close(scope);
    sem_post(&gate);
    pthread_join(pthread, NULL);
    assert_string_equal(scope_of(grandchild_id)->name, "test 1");
    assert_true(scope_of(grandchild_id)->flags & THREADLEAK_SCOPE_ENDED);
    assert_int_not_equal(scope_of(grandchild_id)->ended_ns, 0);
    release(grandchild);
    assert_int_equal(open_scopes(), 0);
}

static void *ends(void *scope)
{
    threadleak_scope_close(*(threadleak_scope_t *)scope);
    return NULL;
}

static void a_scope_can_end_on_another_thread_and_its_handle_goes_stale(void **state)
{
    (void)state;
    pthread_t pthread;
    threadleak_scope_t first = threadleak_scope_begin("first");
    create(&pthread, ends, &first);
    pthread_join(pthread, NULL);
    assert_int_equal(open_scopes(), 0);
    uint64_t id = create(&pthread, at_gate, NULL); /* this thread still holds the stale handle */
    assert_null(scope_of(id));
    release(pthread);

    threadleak_scope_t second = threadleak_scope_begin("second"); /* the same entry */
    threadleak_scope_close(first);
    threadleak_scope_close(first);
    threadleak_scope_close(0);
    threadleak_scope_close(~0ull);
    id = create(&pthread, at_gate, NULL);
    assert_string_equal(scope_of(id)->name, "second");
    release(pthread);
    threadleak_scope_close(second);
    assert_int_equal(open_scopes(), 0);
}

static void *has_scopes(void *arg)
{
    for (int i = 0; i < 500; i++) {
        char name[100];
        pthread_t pthread;
        snprintf(name, sizeof name, "a scope with a long name, so long that it does not fit, %p %d", arg, i);
        threadleak_scope_t scope = threadleak_scope_begin(name);
        assert_int_not_equal(scope, 0);
        pthread_create(&pthread, NULL, ends, &scope);
        pthread_join(pthread, NULL);
        threadleak_scope_close(scope);
    }
    return NULL;
}

static void scopes_of_parallel_threads_are_recycled(void **state)
{
    (void)state;
    pthread_t pthread[4];
    for (int i = 0; i < 4; i++)
        create(&pthread[i], has_scopes, &pthread[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(pthread[i], NULL);
    assert_int_equal(open_scopes(), 0);
    assert_in_range(threadleak_registry.scopes.used, 1, 64);
}

int main(void)
{
    alarm(120);
    sem_init(&gate, 0, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_belong_to_the_innermost_open_scope),
        cmocka_unit_test(the_end_of_the_outer_scope_leaves_the_inner_one_too),
        cmocka_unit_test(children_of_children_inherit_even_after_the_end),
        cmocka_unit_test(a_scope_can_end_on_another_thread_and_its_handle_goes_stale),
        cmocka_unit_test(scopes_of_parallel_threads_are_recycled),
    };
    return cmocka_run_group_tests_name("scopes", tests, NULL, NULL);
}
