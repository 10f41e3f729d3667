/* SPDX-License-Identifier: MIT
 *
 * Tables and pools: growth, addresses, recycling, and many threads at once. Linked with table.c alone.
 */
#include <stdlib.h>
#include <unistd.h>

#include "table.h"
#include "view.h"

struct entry {
    uint64_t owner;
    uint32_t next_free;
    uint32_t filler;
};

static struct entry first[100]; /* 64 of them are used */

static void entries_keep_their_place_while_the_table_grows(void **state)
{
    (void)state;
    struct threadleak_table table = {0};
    table_init(&table, sizeof(struct entry), first, sizeof first, 1);
    assert_int_equal(table.chunks[0].count, 64);
    for (uint32_t i = 1; i < 100000; i++) {
        assert_int_equal(table_take(&table), i);
        struct entry *entry = table_entry(&table, i);
        assert_int_equal(entry->owner, 0);
        entry->owner = i;
    }
    for (uint32_t i = 1; i < 100000; i++) {
        struct entry *entry = table_entry(&table, i);
        assert_ptr_equal(entry, view_entry(&table, i)); /* as a reader computes it */
        assert_int_equal(entry->owner, i);
        assert_int_equal(table_index(&table, (uintptr_t)entry), i);
        assert_int_equal(table_index(&table, (uintptr_t)entry + 8), TABLE_FULL);
    }
    assert_int_equal(table_index(&table, 0), TABLE_FULL);
    assert_int_equal(table_index(&table, ~0ull), TABLE_FULL);
    uint64_t room = 0;
    for (uint32_t i = 0; i < table.chunk_count; i++)
        room += table.chunks[i].count;
    assert_true(room >= 100000 * 4 / 3); /* the next chunk was mapped in time */
}

static void a_table_that_is_full_stays_as_it_is(void **state)
{
    (void)state;
    struct {
        struct threadleak_table table;
        uint64_t behind;
    } memory = {.behind = 0x5a5a5a5a};
    static struct entry one[1];
    table_init(&memory.table, sizeof(struct entry), one, sizeof one, 0);
    uint64_t room = (uint64_t)1 << (THREADLEAK_CHUNKS - 1);
    for (uint64_t i = 0; i < room; i++)
        assert_int_equal(table_take(&memory.table), i);
    for (int i = 0; i < 3; i++)
        assert_int_equal(table_take(&memory.table), TABLE_FULL);
    assert_int_equal(memory.table.dropped, 3);
    assert_int_equal(memory.table.used, room);
    assert_int_equal(memory.table.chunk_count, THREADLEAK_CHUNKS);
    assert_int_equal(memory.behind, 0x5a5a5a5a);
}

static struct threadleak_table shared;
static struct pool pool = {.table = &shared, .link = offsetof(struct entry, next_free)};

static void *takes_and_gives(void *arg)
{
    uint64_t me = (uint64_t)(uintptr_t)arg;
    struct entry *held[8] = {0};
    for (int i = 0; i < 200000; i++) {
        struct entry **slot = &held[(i * 7 + i / 8) % 8];
        if (*slot) {
            assert_int_equal(__atomic_exchange_n(&(*slot)->owner, 0, __ATOMIC_RELAXED), me);
            pool_give(&pool, *slot);
            *slot = NULL;
        } else {
            *slot = pool_take(&pool, 0);
            assert_int_equal(__atomic_exchange_n(&(*slot)->owner, me, __ATOMIC_RELAXED), 0);
        }
    }
    for (int i = 0; i < 8; i++)
        if (held[i]) {
            held[i]->owner = 0;
            pool_give(&pool, held[i]);
        }
    return NULL;
}

static void no_entry_is_handed_out_twice(void **state)
{
    (void)state;
    pthread_t pthread[4];
    memset(first, 0, sizeof first);
    table_init(&shared, sizeof(struct entry), first, sizeof first, 0);
    for (uintptr_t i = 0; i < 4; i++)
        pthread_create(&pthread[i], NULL, takes_and_gives, (void *)(i + 1));
    for (int i = 0; i < 4; i++)
        pthread_join(pthread[i], NULL);
    assert_in_range(shared.used, 8, 32);
    assert_int_equal(shared.dropped, 0);
}

static void a_limit_is_kept_and_counted(void **state)
{
    (void)state;
    memset(first, 0, sizeof first);
    memset(&shared, 0, sizeof shared);
    pool.free = 0;
    table_init(&shared, sizeof(struct entry), first, sizeof first, 0);
    void *entries[3];
    for (int i = 0; i < 3; i++)
        assert_non_null(entries[i] = pool_take(&pool, 3));
    assert_null(pool_take(&pool, 3));
    assert_int_equal(shared.dropped, 1);
    pool_give(&pool, entries[1]);
    assert_ptr_equal(pool_take(&pool, 3), entries[1]);
}

int main(void)
{
    alarm(60);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_keep_their_place_while_the_table_grows),
        cmocka_unit_test(a_table_that_is_full_stays_as_it_is),
        cmocka_unit_test(no_entry_is_handed_out_twice),
        cmocka_unit_test(a_limit_is_kept_and_counted),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
