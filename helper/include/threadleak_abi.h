/* SPDX-License-Identifier: MIT
 *
 * threadleak_abi.h - the bytes of the registry: the contract between the library that writes them
 * and every reader (GDB, shell, core file). docs/abi.md explains it in prose and shows a hexdump.
 *
 * Rules that readers may rely on, since 1.0:
 *  - All integers are fixed width, naturally aligned, in the byte order of the process.
 *  - A struct only ever grows at its end. A reader takes min(size said by the writer, size known to
 *    it) and treats fields that the writer does not have as unknown, never as 0.
 *  - A different major version is refused. Field meanings never change within a major version.
 *  - Everything lies in .data, .bss or private anonymous memory (the default coredump_filter dumps
 *    these). Strings are inline, NUL-padded, not necessarily NUL-terminated when full, any bytes.
 *  - At any instruction, and so after a kill, a fork or a cancel, the registry is consistent:
 *    an entry exists once its `id` (records, scopes) is not 0, or once something refers to its index
 *    (sites, modules); its immutable fields were written before. Each field marked "changes" is one
 *    aligned word (names: two) that is changed by atomic operations.
 *  - Records and scopes are recycled: `sequence` then changes, and nothing else changes it. A reader
 *    that does not stop the process reads ids and sequences, data, ids and sequences, and takes the
 *    entries in which both agree.
 *  - Entry 0 of the tables sites, scopes and modules is never used: index 0 means "none".
 *
 * Times are CLOCK_MONOTONIC_COARSE in nanoseconds (a few milliseconds fine), 0 = not yet.
 */
#ifndef THREADLEAK_ABI_H
#define THREADLEAK_ABI_H

#include <stdint.h>

#define THREADLEAK_ABI_MAGIC "THRDLEAK" /* 8 bytes, no NUL */
#define THREADLEAK_ABI_BYTE_ORDER 0x01020304u
#define THREADLEAK_ABI_MAJOR 1
#define THREADLEAK_ABI_MINOR 2 /* 1: expected marks, table of rules; 2: history, ring of events */

#define THREADLEAK_CHUNKS 16    /* of a table */
#define THREADLEAK_NAME_SIZE 16 /* of a thread, as the kernel keeps it */
#define THREADLEAK_BUILD_ID_MAX 32

/* A run of entries. Chunks are appended, never moved, freed or resized. */
struct threadleak_chunk {
    uint64_t address;
    uint64_t count; /* entries that fit */
};

/* Entry i lies in the chunk in which the counts of those before it end. */
struct threadleak_table {
    uint32_t entry_size;  /* bytes from one entry to the next; for sites it depends on the options */
    uint32_t chunk_count; /* changes */
    uint64_t used;        /* changes: entries ever handed out; those behind it were never touched */
    uint64_t dropped;     /* changes: requests for which there was no room; nothing is known of them */
    uint32_t growing;     /* the library's own: a chunk is being mapped */
    uint32_t reserved;
    struct threadleak_chunk chunks[THREADLEAK_CHUNKS];
};

/* threadleak_registry.flags (changes) */
#define THREADLEAK_REGISTRY_HOOKS_INACTIVE 0x1u /* loaded too late (dlopen): creations are not seen */
#define THREADLEAK_REGISTRY_FORK_CHILD 0x2u     /* this process began as a fork; see parent_pid */
#define THREADLEAK_REGISTRY_SECOND_COPY 0x4u    /* another copy of the library is in this process */
#define THREADLEAK_REGISTRY_EXITING 0x8u        /* exit handlers run: main returned or exit was called */

struct threadleak_registry {
    char magic[8];
    uint32_t byte_order;
    uint16_t abi_major;
    uint16_t abi_minor;
    uint32_t header_size;  /* of this struct */
    uint32_t pointer_size; /* of the process: 8 */
    uint64_t self;         /* own address, written last: anything else is a stray copy */
    uint32_t pid;          /* getpid() of the owner; another pid: a copy made by vfork, _Fork or clone */
    uint32_t flags;
    uint32_t fork_generation;    /* 0, and one more in each fork child */
    uint32_t parent_pid;         /* of a fork child: who forked it */
    uint64_t start_realtime_ns;  /* one instant on two clocks: registry times to wall clock */
    uint64_t start_monotonic_ns; /* also the moment before which creations were not seen */
    char library_version[16];
    /* Thread pointers. pthread_t + offset is the address of a word that belongs to the thread. */
    int32_t tid_offset;          /* u32, the kernel's thread id, 0 once it ended; 0 here: not known */
    int32_t self_offset;         /* u64 in TLS: address of the thread's record, 0: not ours, 1: given back */
    uint64_t next_id;            /* changes: id of the next record; ids start at 1 */
    uint64_t released;           /* changes: records given back (joined, detached and finished, failed) */
    uint64_t failed_creates;     /* changes: pthread_create and thrd_create calls that failed */
    uint64_t failed_eagain;      /* changes: those that failed with EAGAIN */
    uint32_t failed_errno;       /* changes: of the last one that failed */
    uint32_t site_frames_offset; /* where the frames of a site begin */
    uint64_t failed_at_ns;       /* changes */
    uint64_t unseen_ends; /* changes: threads whose end cannot be seen (no key or memory for the hook) */
    uint64_t threads_inherited; /* fork child: records of the parent's that it dropped */
    uint64_t lost_facts; /* changes: detaches of threads whose record was not found: one may look unjoined */
    uint64_t expected;   /* changes: records in use whose mark holds, main's never; since 1.1 */
    uint64_t reserved[3];
    struct threadleak_table records;
    struct threadleak_table sites;
    struct threadleak_table scopes;
    struct threadleak_table modules;
    struct threadleak_table rules; /* since 1.1 */
    uint64_t history;              /* address of struct threadleak_history, 0: none is kept; since 1.2 */
    uint64_t events;               /* address of struct threadleak_events, 0: none are kept; since 1.2 */
};

/* threadleak_record.state: bits are only ever added, but for HELD (changes) */
#define THREADLEAK_STATE_STARTED 0x1u  /* it runs its start routine, or did; else: being created */
#define THREADLEAK_STATE_FINISHED 0x2u /* its end was seen; the kernel may keep it a moment longer */
#define THREADLEAK_STATE_JOINED 0x4u   /* about to be given back */
#define THREADLEAK_STATE_DETACHED 0x8u /* by attribute or by pthread_detach */
#define THREADLEAK_STATE_C11 0x10u     /* made by thrd_create */
#define THREADLEAK_STATE_MAIN 0x20u    /* the thread that runs main, or that came out of fork */
#define THREADLEAK_STATE_EXITED 0x40u  /* called pthread_exit or thrd_exit */
#define THREADLEAK_STATE_NO_END 0x80u  /* its end cannot be seen */
#define THREADLEAK_STATE_BORN_DETACHED 0x100u
#define THREADLEAK_STATE_HELD 0x200u     /* the library's own, for a moment: the record is being marked */
#define THREADLEAK_STATE_REPORTED 0x400u /* a check that the program made has told people that it leaked */

/* One thread, alive or finished and not yet joined. Two cache lines: the first is written before the
 * thread exists, the second changes. */
struct threadleak_record {
    uint64_t id;      /* serial number, 0: no record here. Stored last */
    uint64_t creator; /* id of the thread that created it, 0: unknown */
    uint64_t start;   /* start routine */
    uint64_t arg;     /* its argument */
    uint64_t created_ns;
    uint64_t pthread;       /* changes once: pthread_t, 0 until the thread runs */
    uint32_t site;          /* index into sites */
    uint32_t scope;         /* index into scopes */
    uint32_t sequence;      /* changes when the record is given back */
    uint32_t tid;           /* changes once: kernel thread id in the process's own PID namespace */
    uint32_t state;         /* changes: THREADLEAK_STATE_* */
    uint32_t expected;      /* changes: index into rules: why this thread is expected; 0: it is not */
    uint64_t finished_ns;   /* changes once */
    uint64_t join_begun_ns; /* changes: a pthread_join is under way since; 0: none */
    uint64_t joiner;        /* changes: id of the thread that joins it */
    char name[THREADLEAK_NAME_SIZE]; /* changes; inherited from the creator, as in the kernel */
    uint32_t start_module;           /* index into modules: where the start routine lies */
    uint32_t next_free;              /* the library's own: index of the next free record, plus 1 */
    uint64_t join_pc;                /* the library's own: where `joiner` called, a return address */
};

/* threadleak_site.flags */
#define THREADLEAK_SITE_COMPLETE 0x1u  /* the frames reach the outermost one */
#define THREADLEAK_SITE_TRUNCATED 0x2u /* there were more frames than the option `frames` keeps */
#define THREADLEAK_SITE_CUT 0x4u       /* no unwind rule for the last frame: the outer ones are not known */
#define THREADLEAK_SITE_CREATORS                                                                             \
    0x8u /* changes: reached from threads of several sites, not creator_site alone */

/* A frame is a return address and the module that held it when the stack was taken, so that it can be
 * named after dlclose and told from another module at the same place: pc in the low 48 bits, index into
 * modules above. Frame 0 is the caller of pthread_create. */
#define THREADLEAK_FRAME(pc, module) (((uint64_t)(module) << 48) | ((uint64_t)(pc)&0xffffffffffffull))
#define THREADLEAK_FRAME_PC(frame) ((frame)&0xffffffffffffull)
#define THREADLEAK_FRAME_MODULE(frame) ((uint16_t)((frame) >> 48))

/* A distinct creation stack. Never recycled. `frame_count` frames (u64) follow at
 * registry.site_frames_offset from the entry's address; without any, the entry is not in use. */
struct threadleak_site {
    uint64_t hash;
    uint32_t frame_count;
    uint32_t flags;
    uint32_t creator_site; /* of the first thread that created one here; 0: main's or unknown */
    uint32_t expected;     /* changes: index into rules: why what is created here is expected */
    uint64_t created;      /* changes: threads made here by this process, ever */
    uint64_t first_ns;
    uint64_t expected_start; /* changes: the start routine that `expected` speaks of; since 1.1 */
    uint64_t reserved[2];
    uint64_t finished; /* changes: of `created`, those that finished; since 1.2, and so are the next ones */
    uint64_t joined;   /* changes: those that were joined */
    uint64_t gone;     /* changes: those that were detached and finished */
    uint64_t peak;     /* changes: most that were alive at once; a creation that fails counts for a moment */
    uint32_t history;  /* changes: index of its struct threadleak_site_history, plus 1; 0: it has none */
    uint32_t spare;
    uint64_t spares[3];
};

#define THREADLEAK_SCOPE_ENDED 0x1u /* threadleak_scope.flags */

/* A named stretch of work. Recycled once it ended and neither a record nor an inner scope refers to it. */
struct threadleak_scope {
    uint64_t id;    /* serial number, 0: no scope here. Stored last */
    uint64_t owner; /* id of the thread that began it */
    uint64_t begun_ns;
    uint64_t ended_ns; /* changes once */
    uint32_t sequence; /* changes when the scope is given back */
    uint32_t parent;   /* index of the enclosing scope */
    uint32_t users;    /* changes: records and inner scopes that refer to it, and 1 while it is open */
    uint32_t flags;    /* changes: THREADLEAK_SCOPE_* */
    uint32_t expected; /* changes: leaks that it is announced to leave behind, plus 1; 0: nothing was said.
                          Since 1.1 */
    uint32_t next_free;
    char name[72];
};

/* A loaded ELF file that a site or a start routine refers to. Never recycled: one that was unloaded stays
 * as it was, and a file that is loaded later at the same place gets an entry of its own. */
struct threadleak_module {
    uint64_t start; /* first address of its mapping, and the one after its last */
    uint64_t end;
    uint64_t bias; /* address in memory less address in the file (link_map.l_addr) */
    uint64_t eh_frame_hdr;
    uint64_t link_map;      /* changes: where the same build was loaded again */
    uint32_t checksum;      /* of its unwind tables and name, where it has no build-id */
    uint32_t build_id_size; /* bytes, 0: it has none */
    uint8_t build_id[THREADLEAK_BUILD_ID_MAX];
    char name[176]; /* path; of a longer one the end */
};

/* threadleak_rule.flags */
#define THREADLEAK_RULE_UNJOINED 0x1u /* holds for unjoined threads too */
/* may expect a number of threads only, or went by what the thread did just then: checks in the process go by
 * it, as no more are marked than that; a reader counts and looks anew */
#define THREADLEAK_RULE_COUNTED 0x2u
#define THREADLEAK_RULE_EXITS 0x4u /* the thread has called exit: it ends with the process */

/* Why threads are expected. Never recycled; equal ones are entered once. Since 1.1. */
struct threadleak_rule {
    uint64_t marked; /* changes: threads that were marked with it, ever */
    uint32_t flags;
    uint32_t reserved;
    char text[240]; /* the rule as in docs/rules.md, or the reason of a mark; of a longer one the beginning */
};

/* ---- history: since 1.2 ---------------------------------------------------------------------- */

#define THREADLEAK_LEVELS 3
#define THREADLEAK_SITE_LEVELS 2

/* Time is cut into stretches of `width_ns`, numbered from 1: number = ns / width_ns + 1. The first event in a
 * stretch opens a bucket for it, entry number % count of its ring. A stretch without events has none: nothing
 * changed in it. */
struct threadleak_level {
    uint64_t width_ns;
    uint32_t count;       /* buckets in the ring */
    uint32_t bucket_size; /* bytes from one to the next */
    uint64_t buckets;     /* address; of sites: offset in struct threadleak_site_history */
    uint64_t latest;      /* changes: number of the newest stretch that has a bucket; of sites: 0 */
};

/* What had happened when a stretch of time was entered, in numbers that only grow. */
struct threadleak_bucket {
    uint64_t number;   /* of the stretch, 0: being written. Stored last */
    uint64_t begun_ns; /* of its first event */
    uint64_t created;
    uint64_t finished;
    uint64_t joined;
    uint64_t gone;
    uint64_t peak; /* changes: most threads that were alive at once in it, known when it is over */
    uint32_t initial;
    uint32_t reserved;
};

/* The same of one site. The counts are the low halves of the site's own. */
struct threadleak_site_bucket {
    uint64_t number;
    uint32_t created;
    uint32_t finished;
    uint32_t joined;
    uint32_t gone;
    uint64_t peak;
};

/* A most-so-far together with what it is the most of: the stretch's number in the upper half. */
#define THREADLEAK_PEAK(number, threads) ((uint64_t)(number) << 32 | (uint32_t)(threads))

/* Of the first sites that a process uses. Rings of buckets follow, as threadleak_history.site_levels says. */
struct threadleak_site_history {
    uint64_t latest; /* changes: number of the newest stretch that has a bucket, on the first level */
    uint64_t peak;   /* changes: THREADLEAK_PEAK of that stretch */
};

/* How the numbers of threads went over time, in this process: a fork child starts anew. Alive are
 * created - finished + initial, unjoined finished - joined - gone, where
 *   created = next_id - first_id - cancelled
 *   joined  = released - first_released - cancelled - gone
 * with next_id and released of the registry. These words are not read at one instant: a difference below 0
 * is 0. */
struct threadleak_history {
    uint32_t size; /* of this struct */
    uint32_t site_history_size;
    uint64_t began_ns;       /* buckets that were begun before are the parent's */
    uint64_t first_id;       /* of the first thread that this process creates */
    uint64_t first_released; /* registry.released as it was then */
    uint64_t site_histories; /* address */
    uint32_t site_capacity;
    uint32_t site_used;     /* changes */
    uint64_t sites_dropped; /* changes: sites for which there was no room */
    uint64_t reserved;
    uint64_t next_ns;   /* changes: when the present stretch of the first level is over */
    uint64_t peak;      /* changes: THREADLEAK_PEAK of it */
    uint64_t initial;   /* changes: threads that are alive and that nobody created: main */
    uint64_t finished;  /* changes: threads that finished, of those that were created */
    uint64_t gone;      /* changes: of these, those that were detached */
    uint64_t cancelled; /* changes: threads that could not be created after all */
    uint64_t spare[2];
    struct threadleak_level levels[THREADLEAK_LEVELS];           /* the finest first */
    struct threadleak_level site_levels[THREADLEAK_SITE_LEVELS]; /* of each site */
};

/* ---- events: since 1.2 ----------------------------------------------------------------------- */

/* threadleak_event.kind. `thread` is who did it, 0: a thread without a record. */
#define THREADLEAK_EVENT_CREATE 1u        /* `other` at `site`, in `scope` */
#define THREADLEAK_EVENT_CREATE_FAILED 2u /* `other`, after all */
#define THREADLEAK_EVENT_START 3u         /* as `tid`; main, too, and who came out of a fork */
#define THREADLEAK_EVENT_NAME 4u          /* `other` is called `name` */
#define THREADLEAK_EVENT_DETACH 5u        /* `other` */
#define THREADLEAK_EVENT_FINISH 6u
#define THREADLEAK_EVENT_JOIN_END 8u     /* `other` is joined */
#define THREADLEAK_EVENT_JOIN_FAILED 9u  /* or not: timed out, cancelled; if it took a while */
#define THREADLEAK_EVENT_SCOPE_BEGIN 10u /* `other` is the scope's id, `scope` that of the enclosing one */
#define THREADLEAK_EVENT_SCOPE_END 11u
#define THREADLEAK_EVENT_MORE 12u /* the event before goes on: from `thread` on bytes of its name */

/* An entry of a ring with many writers, who don't wait for each other. `seal` is the event's number plus the
 * sum of threadleak_event_sum: an event that is being written, or into which two writers wrote, has a number
 * that cannot be in this entry. Numbers start at 1; an event lies in entry number % count. */
struct threadleak_event {
    uint64_t seal;
    uint64_t ticks; /* of the clock of struct threadleak_events */
    uint32_t kind;
    uint32_t tid;
    uint64_t thread;
    uint64_t other;
    uint32_t site;
    uint32_t scope;                  /* low half of the scope's id, 0: none */
    char name[THREADLEAK_NAME_SIZE]; /* of a join: 8 bytes, the ticks when it began; 0: did not wait */
};

/* Word i of an event, seal not counted and the first one 1, times 2 * i + 1 times this, all added up. */
#define THREADLEAK_EVENT_FACTOR 0x9e3779b97f4a7c15u

/* What `ticks` are */
#define THREADLEAK_CLOCK_MONOTONIC 0u /* nanoseconds of CLOCK_MONOTONIC */
#define THREADLEAK_CLOCK_COUNTER 1u   /* the processor's counter: TSC, CNTVCT_EL0; see pairs */
#define THREADLEAK_CLOCK_PAIRS 64

/* One instant on both clocks. The first pair stays; the others are a ring behind it, in which pair number i
 * (the first is 1) lies in entry 1 + (i - 2) % (THREADLEAK_CLOCK_PAIRS - 1). */
struct threadleak_clock_pair {
    uint64_t number; /* 0: being written. Stored last */
    uint64_t ticks;
    uint64_t ns;
    uint64_t seal; /* number + ticks * 3 * THREADLEAK_EVENT_FACTOR + ns * 5 * it: of one writer, then */
};

struct threadleak_events {
    uint32_t size;       /* of this struct */
    uint32_t event_size; /* bytes from one to the next */
    uint64_t entries;    /* address */
    uint64_t count;      /* a power of two */
    uint64_t first;      /* number of the first event in this process; those before are the parent's */
    uint32_t clock;      /* THREADLEAK_CLOCK_* */
    uint32_t reserved;
    uint64_t pairs_used; /* changes */
    uint64_t spare[2];
    uint64_t next; /* changes: number of the next event; those more than `count` below are overwritten */
    uint64_t spares[7];
    struct threadleak_clock_pair pairs[THREADLEAK_CLOCK_PAIRS];
};

#if defined(__cplusplus)
#define THREADLEAK_ABI_ASSERT(condition) static_assert(condition, #condition)
#else
#define THREADLEAK_ABI_ASSERT(condition) _Static_assert(condition, #condition)
#endif

/* Tripwires: tests/abi compares every field with gdb/threadleak/read/abi.py. */
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_chunk) == 16);
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_table) == 288);
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_registry) == 192 + 5 * 288 + 16);
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_record) == 128);
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_site) == 128);
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_scope) == 128);
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_module) == 256);
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_rule) == 256);
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_level) == 32);
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_bucket) == 64);
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_site_bucket) == 32);
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_site_history) == 16);
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_history) == 128 + 5 * 32);
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_event) == 64);
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_clock_pair) == 32);
THREADLEAK_ABI_ASSERT(sizeof(struct threadleak_events) == 128 + 64 * 32);

#endif
