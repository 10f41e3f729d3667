/* SPDX-License-Identifier: MIT */
#include "sites.h"

#include <string.h>

#include "options.h"
#include "registry.h"
#include "table.h"

#define SLOTS 16384u /* of the hash; a power of two */
#define MOST_SITES (SLOTS / 4 * 3)
#define FIRST_CHUNK_BYTES 65536

static char first_sites[FIRST_CHUNK_BYTES] __attribute__((aligned(64)));
static uint32_t slots[SLOTS]; /* index of a site, 0: empty; once set it stays */

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

static bool is_same(struct threadleak_site *site, uint64_t hash, const uint64_t *frames, unsigned count)
{
    return site->hash == hash && site->frame_count == count &&
           memcmp(frames_of(site), frames, count * sizeof *frames) == 0;
}

static uint32_t new_site(uint64_t hash, const uint64_t *frames, unsigned count, uint32_t flags,
                         uint32_t creator_site)
{
    if (sites()->used > MOST_SITES) {
        __atomic_fetch_add(&sites()->dropped, 1, __ATOMIC_RELAXED);
        return 0;
    }
    uint32_t index = table_take(sites());
    if (index == TABLE_FULL)
        return 0;
    struct threadleak_site *site = site_at(index);
    site->hash = hash;
    site->flags = flags;
    site->creator_site = creator_site;
    site->first_ns = registry_now();
    memcpy(frames_of(site), frames, count * sizeof *frames);
    __atomic_store_n(&site->frame_count, count, __ATOMIC_RELEASE);
    return index;
}

static uint32_t find_or_enter(const uint64_t *frames, unsigned count, uint32_t flags,
                              uint32_t creator_site)
{
    uint64_t hash = hash_of(frames, count);
    uint32_t mine = 0;
    for (uint32_t i = (uint32_t)hash;; i++) {
        uint32_t *slot = &slots[i % SLOTS];
        uint32_t index = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
        if (!index) {
            if (!mine && !(mine = new_site(hash, frames, count, flags, creator_site)))
                return 0;
            if (__atomic_compare_exchange_n(slot, &index, mine, 0, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
                return mine;
        }
        if (is_same(site_at(index), hash, frames, count)) {
            if (mine) /* another thread entered it meanwhile: ours is never referred to */
                __atomic_store_n(&site_at(mine)->frame_count, 0, __ATOMIC_RELAXED);
            return index;
        }
    }
}

uint32_t site_count(const uint64_t *frames, unsigned count, uint32_t flags, uint32_t creator_site)
{
    if (!count)
        return 0;
    uint32_t index = find_or_enter(frames, count, flags, creator_site);
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
