/* SPDX-License-Identifier: MIT */
#include "sites.h"

#include <string.h>

#include "options.h"
#include "registry.h"
#include "table.h"

#define SLOTS 16384u /* of the hash; a power of two */
#define MOST_SITES (SLOTS / 4 * 3)
#define DRAFTS 256 /* kept back from sites, so that a known stack is still recognized when the table is full */
#define FIRST_CHUNK_BYTES 65536

static char first_sites[FIRST_CHUNK_BYTES] __attribute__((aligned(64)));
static uint32_t slots[SLOTS]; /* index of a site, 0: empty; once set it stays */

/* Drafts that turned out to be known already; their frame_count is 0. */
static struct pool drafts = {.table = &threadleak_registry.sites,
                             .link = offsetof(struct threadleak_site, creator_site)};

static struct threadleak_table *sites(void)
{
    return &threadleak_registry.sites;
}

static struct threadleak_site *site_at(uint32_t index)
{
    return table_entry(sites(), index);
}

static uint64_t *frames_of(struct threadleak_site *site)
{
    return (uint64_t *)(site + 1);
}

void sites_init(struct threadleak_table *table)
{
    uint32_t size = (uint32_t)(sizeof(struct threadleak_site) + options.frames * sizeof(uint64_t));
    table_init(table, size, first_sites, sizeof first_sites, 1);
}

static uint64_t hash_of(const uint64_t *frames, unsigned count)
{
    uint64_t hash = count;
    for (unsigned i = 0; i < count; i++)
        hash = (hash ^ frames[i]) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

struct threadleak_site *site_draft(uint64_t **frames)
{
    struct threadleak_site *draft = pool_take(&drafts, MOST_SITES + DRAFTS);
    if (draft)
        *frames = frames_of(draft);
    return draft;
}

static bool is_same(struct threadleak_site *site, const struct threadleak_site *draft, unsigned count)
{
    return site->hash == draft->hash && site->frame_count == count &&
           memcmp(site + 1, draft + 1, count * sizeof(uint64_t)) == 0;
}

/* The site like `draft`, or the draft itself, which then is one. */
static uint32_t find_or_enter(struct threadleak_site *draft, unsigned count, uint32_t flags,
                              uint32_t creator_site)
{
    draft->hash = hash_of(frames_of(draft), count);
    for (uint32_t i = (uint32_t)draft->hash;; i++) {
        uint32_t *slot = &slots[i % SLOTS];
        uint32_t index = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
        if (!index && sites()->used > MOST_SITES) {
            __atomic_fetch_add(&sites()->dropped, 1, __ATOMIC_RELAXED);
            pool_give(&drafts, draft);
            return 0;
        }
        if (!index) {
            uint32_t mine = table_index(sites(), (uintptr_t)draft);
            draft->flags = flags;
            draft->creator_site = creator_site;
            draft->first_ns = registry_now();
            __atomic_store_n(&draft->frame_count, count, __ATOMIC_RELEASE);
            if (__atomic_compare_exchange_n(slot, &index, mine, 0, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
                return mine;
            __atomic_store_n(&draft->frame_count, 0, __ATOMIC_RELAXED); /* overtaken */
        }
        if (is_same(site_at(index), draft, count)) {
            pool_give(&drafts, draft);
            return index;
        }
    }
}

uint32_t site_count(struct threadleak_site *draft, unsigned count, uint32_t flags, uint32_t creator_site)
{
    if (!count) {
        pool_give(&drafts, draft);
        return 0;
    }
    uint32_t index = find_or_enter(draft, count, flags, creator_site);
    if (!index)
        return 0;
    struct threadleak_site *site = site_at(index);
    if (site->creator_site != creator_site && !(site->flags & THREADLEAK_SITE_CREATORS))
        __atomic_fetch_or(&site->flags, THREADLEAK_SITE_CREATORS, __ATOMIC_RELAXED);
    __atomic_fetch_add(&site->created, 1, __ATOMIC_RELAXED);
    return index;
}

void site_uncount(uint32_t site)
{
    if (site)
        __atomic_fetch_sub(&site_at(site)->created, 1, __ATOMIC_RELAXED);
}

void sites_fork_child(void)
{
    sites()->dropped = 0;
    sites()->growing = 0;
    for (uint32_t i = 1; i < sites()->used; i++)
        site_at(i)->created = 0;
}
