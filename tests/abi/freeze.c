/* SPDX-License-Identifier: MIT
 *
 * Makes threads of every kind, then writes its own registry to the file that the first argument names:
 * pieces of memory, each an address, a size (u64) and the bytes. freeze.py runs it.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <threads.h>
#include <unistd.h>

#include "threadleak.h"
#include "threadleak_abi.h"

extern struct threadleak_registry threadleak_registry;

static FILE *out;
static pthread_barrier_t barrier;

static void piece(uint64_t address, uint64_t size)
{
    fwrite(&address, sizeof address, 1, out);
    fwrite(&size, sizeof size, 1, out);
    fwrite((const void *)(uintptr_t)address, size, 1, out);
}

static void pieces_of(const struct threadleak_table *table)
{
    uint64_t left = table->used;
    for (uint32_t i = 0; i < table->chunk_count && left; i++) {
        uint64_t count = left < table->chunks[i].count ? left : table->chunks[i].count;
        piece(table->chunks[i].address, count * table->entry_size);
        left -= count;
    }
}

static void pieces_of_history(const struct threadleak_history *history)
{
    piece((uintptr_t)history, history->size);
    for (int i = 0; i < THREADLEAK_LEVELS; i++)
        piece(history->levels[i].buckets,
              (uint64_t)history->levels[i].count * history->levels[i].bucket_size);
    piece(history->site_histories, (uint64_t)history->site_used * history->site_history_size);
}

static void pieces_of_events(const struct threadleak_events *events)
{
    piece((uintptr_t)events, events->size);
    piece(events->entries, events->next * events->event_size);
}

static void *finish(void *arg)
{
    return arg;
}

static int finish_c11(void *arg)
{
    (void)arg;
    return 0;
}

static void *stay(void *arg)
{
    pthread_barrier_wait(&barrier);
    pause();
    return arg;
}

static void *leave(void *arg)
{
    pthread_exit(arg);
}

static void *serve(void *arg)
{
    threadleak_mark_daemon("it serves \x1b[31m the others");
    return stay(arg);
}

static void *nest(void *arg)
{
    pthread_t thread;
    pthread_create(&thread, NULL, finish, NULL);
    usleep(20000);
    return arg;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    thrd_t c11;
    if (argc < 2 || !(out = fopen(argv[1], "wb")))
        return 1;
    pthread_barrier_init(&barrier, NULL, 4);
    for (int i = 0; i < 3; i++)
        pthread_create(&thread, NULL, finish, NULL);
    pthread_create(&thread, NULL, leave, NULL);
    thrd_create(&c11, finish_c11, NULL);
    pthread_create(&thread, NULL, nest, NULL);
    pthread_join(thread, NULL);

    threadleak_scope_t outer = threadleak_scope_begin("suite");
    threadleak_scope_t inner = threadleak_scope_begin("suite.case \x1b[31m\xff");
    pthread_create(&thread, NULL, stay, NULL);
    pthread_setname_np(thread, "in a scope");
    threadleak_scope_close(inner);
    pthread_create(&thread, NULL, stay, NULL);
    pthread_detach(thread);
    threadleak_expect(2);
    pthread_create(&thread, NULL, serve, NULL);
    (void)outer;
    pthread_barrier_wait(&barrier);
    usleep(20000);

    const struct threadleak_registry *registry = &threadleak_registry;
    piece((uintptr_t)registry, sizeof *registry);
    pieces_of(&registry->records);
    pieces_of(&registry->sites);
    pieces_of(&registry->scopes);
    pieces_of(&registry->modules);
    pieces_of(&registry->rules);
    pieces_of_history((const void *)(uintptr_t)registry->history);
    pieces_of_events((const void *)(uintptr_t)registry->events);
    const struct threadleak_record *records = (void *)(uintptr_t)registry->records.chunks[0].address;
    for (uint64_t i = 0; i < registry->records.used; i++)
        if (records[i].id && records[i].pthread)
            piece(records[i].pthread + (int64_t)registry->tid_offset, 4);
    fclose(out);
    _exit(0);
}
