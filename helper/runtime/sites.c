/* SPDX-License-Identifier: MIT */
#include "sites.h"

#include <string.h>

#include "options.h"
#include "registry.h"
#include "table.h"
#include "thread.h"

#define SLOTS 16384u /* of the hash; a power of two */
#define MOST_SITES (SLOTS / 4 * 3)
#define DRAFTS                                                                                               \
    256 /* kept back from sites, so that a known stack is still recognized when the table is full */
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

struct threadleak_site *site_at(uint32_t index)
{
    return index ? table_entry(sites(), index) : NULL;
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

/* Two chains side by side: a multiplication takes longer than it takes to begin the next one. */
static uint64_t hash_of(const uint64_t *frames, unsigned count)
{
    const uint64_t odd = 0x9e3779b97f4a7c15u;
    uint64_t even_chain = count, odd_chain = ~(uint64_t)0;
    unsigned i = 0;
    for (; i + 2 <= count; i += 2) {
        even_chain = (even_chain ^ frames[i]) * odd;
        odd_chain = (odd_chain ^ frames[i + 1]) * odd;
    }
    if (i < count)
        even_chain = (even_chain ^ frames[i]) * odd;
    uint64_t hash = (even_chain ^ odd_chain >> 29) * odd ^ odd_chain;
    return hash ^ hash >> 32;
}

/* Each thread that creates others keeps a draft of its own, so that no word is shared with other creators. It
 * is busy before it is looked at: a signal handler on the same thread that creates one too takes another. */
struct threadleak_site *site_draft(uint64_t **frames)
{
    bool is_nested = thread.draft_busy;
    struct threadleak_site *draft = NULL;
    if (!is_nested) {
        thread.draft_busy = 1;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        draft = thread.draft;
    }
    if (!draft && !(draft = pool_take(&drafts, MOST_SITES + DRAFTS))) {
        thread.draft_busy = is_nested;
        return NULL;
    }
    if (!is_nested)
        thread.draft = draft;
    *frames = frames_of(draft);
    return draft;
}

/* The draft became a site, or it can be written anew. */
static void draft_done(struct threadleak_site *draft, bool is_site)
{
    bool is_own = draft == thread.draft;
    if (is_own && (is_site || !thread.keeps_draft))
        thread.draft = NULL;
    if (!is_site && !(is_own && thread.keeps_draft))
        pool_give(&drafts, draft);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (is_own)
        thread.draft_busy = 0;
}

void site_thread_ends(void)
{
    struct threadleak_site *draft = thread.draft;
    thread.draft = NULL;
    if (draft)
        pool_give(&drafts, draft);
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
        if (!index && __atomic_load_n(&sites()->used, __ATOMIC_RELAXED) > MOST_SITES) {
            __atomic_fetch_add(&sites()->dropped, 1, __ATOMIC_RELAXED);
            draft_done(draft, false);
            return 0;
        }
        if (!index) {
            uint32_t mine = table_index(sites(), (uintptr_t)draft);
            draft->flags = flags;
            draft->creator_site = creator_site;
            draft->first_ns = registry_now();
            __atomic_store_n(&draft->frame_count, count, __ATOMIC_RELEASE);
            if (__atomic_compare_exchange_n(slot, &index, mine, 0, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE)) {
                draft_done(draft, true);
                return mine;
            }
            __atomic_store_n(&draft->frame_count, 0, __ATOMIC_RELAXED); /* overtaken */
        }
        if (is_same(site_at(index), draft, count)) {
            draft_done(draft, false);
            return index;
        }
    }
}

uint32_t site_count(struct threadleak_site *draft, unsigned count, uint32_t flags, uint32_t creator_site)
{
    if (!count) {
        draft_done(draft, false);
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

bool site_expect(uint32_t site, uint64_t start, uint32_t rule)
{
    if (!site || site >= __atomic_load_n(&sites()->used, __ATOMIC_ACQUIRE) || !site_at(site)->frame_count)
        return false;
    /* a mark of another start routine gives way; nobody sees its rule together with this routine */
    __atomic_store_n(&site_at(site)->expected, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&site_at(site)->expected_start, start, __ATOMIC_RELEASE);
    __atomic_store_n(&site_at(site)->expected, rule, __ATOMIC_RELEASE);
    return true;
}

uint32_t site_expected(uint32_t site, uint64_t start)
{
    if (!site)
        return 0;
    uint32_t rule = __atomic_load_n(&site_at(site)->expected, __ATOMIC_ACQUIRE);
    return rule && __atomic_load_n(&site_at(site)->expected_start, __ATOMIC_RELAXED) == start ? rule : 0;
}

void sites_fork_child(uint32_t creating)
{
    sites()->dropped = 0;
    sites()->growing = 0;
    drafts.free = 0; /* the drafts of threads that are not here are free too */
    for (uint32_t i = 1; i < sites()->used; i++) {
        struct threadleak_site *site = site_at(i);
        site->created = site->finished = site->joined = site->gone = site->peak = 0;
        site->history = 0;
        if (!site->frame_count && site != thread.draft)
            pool_give(&drafts, site);
    }
    if (creating)
        site_at(creating)->created = 1; /* which is uncounted if it fails */
}
