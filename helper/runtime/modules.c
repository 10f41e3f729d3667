/* SPDX-License-Identifier: MIT */
#include "modules.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "table.h"

#define MODULES_AT_START 64
#define MODULES_MAX 0xffff /* THREADLEAK_FRAME keeps 16 bits of an index */
#define SLOTS 1024         /* of the hash: modules that are loaded at one time */
#define PAGE 4096

/* glibc 2.35; lock-free and callable in signal handlers (glibc manual, "Dynamic Linker Introspection"). */
extern __typeof(_dl_find_object) _dl_find_object __attribute__((weak));

/* What the hash knows of a module, read and written as one word. `witness` tells a file from another one
 * that came to lie at the same place: the distance from the module's start to its build-id, which is looked
 * at each time; without any a checksum, which is taken again when `generation` is no longer the current one.
 */
union slot {
    uint64_t word; /* 0: empty. A slot that is in use is used for another module, but never emptied */
    struct {
        uint64_t index : 16;
        uint64_t has_build_id : 1;
        uint64_t generation : 23;
        uint64_t witness : 24;
    };
};

static struct threadleak_module first_modules[MODULES_AT_START] __attribute__((aligned(64)));
static uint64_t slots[SLOTS];
static struct threadleak_table *modules;
static uint32_t generation;

void modules_init(struct threadleak_table *table)
{
    modules = table;
    table_init(table, sizeof first_modules[0], first_modules, sizeof first_modules, 1);
}

void threadleak_modules_changed_(void)
{
    __atomic_fetch_add(&generation, 1, __ATOMIC_RELEASE);
}

static const struct link_map *link_map_of(const struct threadleak_module *module)
{
    return (const struct link_map *)(uintptr_t)module->link_map;
}

/* The main program's name is empty; also a static program's. */
static bool is_main_program(const struct threadleak_module *module)
{
    return link_map_of(module) && !*link_map_of(module)->l_name;
}

/* The program headers of a loaded module: behind the ELF header, which the first page holds, or, in a static
 * program, whose `start` is that of its code (glibc 2.36, elf/dl-support.c), where the kernel says. */
static const ElfW(Phdr) * program_headers(const struct threadleak_module *module, size_t *count)
{
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)(uintptr_t)module->start;
    *count = 0;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) == 0) {
        if (header->e_phentsize != sizeof(ElfW(Phdr)) || header->e_phoff % sizeof(void *) ||
            header->e_phoff > PAGE || header->e_phnum > (PAGE - header->e_phoff) / sizeof(ElfW(Phdr)))
            return NULL;
        *count = header->e_phnum;
        return (const ElfW(Phdr) *)(uintptr_t)(module->start + header->e_phoff);
    }
    if (!is_main_program(module))
        return NULL;
    const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR); /* there always: keeps errno */
    *count = headers ? getauxval(AT_PHNUM) : 0;
    return headers;
}

void module_segment(const struct threadleak_module *module, uintptr_t address, uintptr_t *start,
                    uintptr_t *end)
{
    size_t count;
    const ElfW(Phdr) *headers = program_headers(module, &count);
    *start = *end = address;
    for (size_t i = 0; i < count; i++) {
        uintptr_t segment = module->bias + headers[i].p_vaddr;
        if (headers[i].p_type == PT_LOAD && headers[i].p_flags & PF_R &&
            address - segment < headers[i].p_filesz) {
            *start = segment;
            *end = segment + headers[i].p_filesz;
        }
    }
}

/* Copies the build-id from the notes at `at`, if it is there, and returns its address or 0. */
static uintptr_t copy_build_id(struct threadleak_module *module, uintptr_t at, uint64_t size,
                               uint64_t alignment)
{
    const uint64_t mask = (alignment == 8 ? 8 : 4) - 1;
    while (size >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
        uint64_t content = sizeof *note + ((note->n_namesz + mask) & ~mask);
        uint64_t next = (content + note->n_descsz + mask) & ~mask;
        if (content + note->n_descsz > size)
            return 0;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == sizeof ELF_NOTE_GNU &&
            memcmp(note + 1, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0 && note->n_descsz) {
            module->build_id_size =
                note->n_descsz < THREADLEAK_BUILD_ID_MAX ? note->n_descsz : THREADLEAK_BUILD_ID_MAX;
            memcpy(module->build_id, (const void *)(at + content), module->build_id_size);
            return at + content;
        }
        if (next >= size)
            return 0;
        at += next;
        size -= next;
    }
    return 0;
}

static uintptr_t find_build_id(struct threadleak_module *module)
{
    size_t count;
    uintptr_t found = 0, start, end;
    const ElfW(Phdr) *headers = program_headers(module, &count);
    for (size_t i = 0; i < count && !found; i++) {
        uintptr_t notes = module->bias + headers[i].p_vaddr;
        module_segment(module, notes, &start, &end);
        if (headers[i].p_type == PT_NOTE && headers[i].p_memsz <= end - notes && notes % 4 == 0)
            found = copy_build_id(module, notes, headers[i].p_memsz, headers[i].p_align);
    }
    return found;
}

/* Of a longer path the end is of more use. */
static void copy_name(struct threadleak_module *module)
{
    static char path[PATH_MAX]; /* too large for a stack; two threads write the same into it */
    const char *name = link_map_of(module) ? link_map_of(module)->l_name : "";
    size_t length = strlen(name);
    if (is_main_program(module)) {
        ssize_t got = readlink("/proc/self/exe", path, sizeof path);
        name = got > 0 ? path : (const char *)getauxval(AT_EXECFN);
        length = got > 0 ? (size_t)got : name ? strlen(name) : 0;
    }
    size_t kept = length < sizeof module->name ? length : sizeof module->name;
    memcpy(module->name, name + (length - kept), kept);
}

/* Of the bytes that unwind rules come from, and of the name. The main program is never unloaded. */
static uint32_t checksum(const struct threadleak_module *module)
{
    uintptr_t start, end;
    uint64_t sum = 0;
    if (!link_map_of(module) || is_main_program(module))
        return 0;
    module_segment(module, module->eh_frame_hdr, &start, &end);
    for (uintptr_t at = module->eh_frame_hdr; at + sizeof(uint32_t) <= end; at += sizeof(uint32_t))
        sum = (sum ^ *(const uint32_t *)at) * 0x9e3779b97f4a7c15u;
    for (const char *name = link_map_of(module)->l_name; *name; name++)
        sum = (sum ^ (uint8_t)*name) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(sum >> 32);
}

static bool is_at(const struct threadleak_module *module, const struct dl_find_object *found)
{
    return module->start == (uintptr_t)found->dlfo_map_start &&
           module->end == (uintptr_t)found->dlfo_map_end &&
           module->eh_frame_hdr == (uintptr_t)found->dlfo_eh_frame &&
           __atomic_load_n(&module->link_map, __ATOMIC_RELAXED) == (uintptr_t)found->dlfo_link_map;
}

/* Whether the file of `module`, at whose place one is loaded, is that one. */
static inline bool is_current(union slot slot, const struct threadleak_module *module)
{
    if (!slot.has_build_id)
        return slot.generation == (__atomic_load_n(&generation, __ATOMIC_ACQUIRE) & 0x7fffff);
    const char *build_id = (const char *)(uintptr_t)module->start + slot.witness;
    if (module->build_id_size == 20) /* SHA-1, the linkers' default: compared without a call */
        return memcmp(build_id, module->build_id, 20) == 0;
    return memcmp(build_id, module->build_id, module->build_id_size) == 0;
}

static __attribute__((noinline)) bool is_loaded(const struct threadleak_module *module)
{
    struct dl_find_object found;
    return !_dl_find_object((void *)(uintptr_t)module->start, &found) && is_at(module, &found);
}

static struct threadleak_module *entry(union slot slot)
{
    return table_entry(modules, (uint32_t)slot.index);
}

static uint32_t first_slot(uintptr_t start)
{
    return (uint32_t)((start / PAGE * 0x9e3779b97f4a7c15u) >> 32);
}

/* An entry that nobody refers to any more, for the next module. */
static uint32_t spare;

static uint32_t take_entry(void)
{
    uint32_t index = __atomic_exchange_n(&spare, 0, __ATOMIC_ACQUIRE);
    return index ? index : table_take(modules);
}

static void forget_entry(uint32_t index)
{
    memset(table_entry(modules, index), 0, sizeof(struct threadleak_module));
    __atomic_store_n(&spare, index, __ATOMIC_RELEASE);
}

/* The module that was there before, if `index` is the same build, loaded again where it was: else each reload
 * of a plugin would make new modules, and new sites. */
static uint32_t same_as_before(uint32_t index)
{
    struct threadleak_module *module = table_entry(modules, index);
    uint64_t used = __atomic_load_n(&modules->used, __ATOMIC_ACQUIRE);
    for (uint32_t i = 1; i < used && (module->build_id_size || module->checksum); i++) {
        struct threadleak_module *other = table_entry(modules, i);
        if (i == index || other->start != module->start || other->end != module->end ||
            other->eh_frame_hdr != module->eh_frame_hdr || other->checksum != module->checksum ||
            other->build_id_size != module->build_id_size ||
            memcmp(other->build_id, module->build_id, module->build_id_size) != 0 ||
            memcmp(other->name, module->name, sizeof module->name) != 0)
            continue;
        __atomic_store_n(&other->link_map, module->link_map, __ATOMIC_RELAXED);
        forget_entry(index);
        return i;
    }
    return index;
}

/* Fills an entry that nobody refers to yet, which then is `*new_index`. The empty slot: no room. */
static union slot make_entry(const struct dl_find_object *found, uint32_t *new_index)
{
    union slot slot = {0};
    if (__atomic_load_n(&modules->used, __ATOMIC_RELAXED) > MODULES_MAX) {
        __atomic_fetch_add(&modules->dropped, 1, __ATOMIC_RELAXED);
        return slot;
    }
    uint32_t index = take_entry();
    if (index > MODULES_MAX)
        return slot;
    int saved_errno = errno;
    struct threadleak_module *module = table_entry(modules, index);
    module->start = (uintptr_t)found->dlfo_map_start;
    module->end = (uintptr_t)found->dlfo_map_end;
    module->bias = found->dlfo_link_map ? found->dlfo_link_map->l_addr : 0;
    module->eh_frame_hdr = (uintptr_t)found->dlfo_eh_frame;
    module->link_map = (uintptr_t)found->dlfo_link_map;
    copy_name(module);
    uintptr_t build_id = find_build_id(module);
    slot.generation = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);
    bool has_build_id = build_id >= module->start && build_id < module->start + PAGE;
    module->checksum = has_build_id ? 0 : checksum(module);
    slot.has_build_id = has_build_id;
    slot.witness = has_build_id ? build_id - module->start : module->checksum >> 8;
    slot.index = same_as_before(index);
    *new_index = slot.index == index ? index : 0;
    errno = saved_errno;
    return slot;
}

/* What to put where `old` is, if that still is the file that was found; else the empty slot. */
static union slot renewed(union slot old, const struct dl_find_object *found)
{
    if (!old.word || !is_at(entry(old), found))
        return (union slot){0};
    if (is_current(old, entry(old)))
        return old;
    union slot next = old;
    next.generation = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);
    if (old.has_build_id || checksum(entry(old)) != entry(old)->checksum)
        return (union slot){0};
    return next;
}

static bool may_be_used(union slot old, const struct dl_find_object *found)
{
    return !old.word || entry(old)->start == (uintptr_t)found->dlfo_map_start || !is_loaded(entry(old));
}

/* The slot of a module that was not seen before, that replaced another one, or that has to be looked at
 * again; the empty one: no room. */
static __attribute__((noinline)) union slot enter(const struct dl_find_object *found)
{
    union slot mine = {0}, none = {0};
    uint32_t new_index = 0;
    uint32_t first = first_slot((uintptr_t)found->dlfo_map_start);
    for (uint32_t i = 0; i < SLOTS; i++) {
        uint64_t *at = &slots[(first + i) % SLOTS];
        union slot old = {__atomic_load_n(at, __ATOMIC_ACQUIRE)};
        while (may_be_used(old, found)) {
            union slot next = renewed(old, found);
            if (!next.word && !mine.word && !(mine = make_entry(found, &new_index)).word)
                return none;
            if (!next.word)
                next = mine;
            if (!__atomic_compare_exchange_n(at, &old.word, next.word, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
                continue;
            if (new_index && next.index != new_index)
                forget_entry(new_index); /* somebody else has entered it meanwhile */
            return next;
        }
    }
    __atomic_fetch_add(&modules->dropped, 1, __ATOMIC_RELAXED);
    if (new_index)
        forget_entry(new_index);
    return none;
}

/* The main program and libc stay for as long as the process: no need to ask whether they are still there. */
static struct permanent {
    uintptr_t start;
    uintptr_t size; /* 0: not known yet; stored last */
    uint32_t index;
} permanent[2];

static void note_permanent(union slot slot)
{
    const struct threadleak_module *module = entry(slot);
    bool is_libc = (uintptr_t)pthread_self - module->start < module->end - module->start;
    if (!is_libc && !is_main_program(module))
        return;
    struct permanent *kept = &permanent[is_libc];
    kept->start = module->start;
    kept->index = (uint32_t)slot.index;
    __atomic_store_n(&kept->size, module->end - module->start, __ATOMIC_RELEASE);
}

static __attribute__((noinline)) const struct threadleak_module *look_up(uintptr_t pc, uint16_t *index)
{
    struct dl_find_object found;
    *index = 0;
    if (!_dl_find_object || pc != THREADLEAK_FRAME_PC(pc) || _dl_find_object((void *)pc, &found))
        return NULL;
    union slot slot;
    uint32_t at = first_slot((uintptr_t)found.dlfo_map_start);
    for (uint32_t i = 0; i < SLOTS; i++, at++) {
        slot.word = __atomic_load_n(&slots[at % SLOTS], __ATOMIC_ACQUIRE);
        if (!slot.word)
            break;
        const struct threadleak_module *module = entry(slot);
        if (!is_at(module, &found) || !is_current(slot, module))
            continue;
        *index = (uint16_t)slot.index;
        return module;
    }
    slot = enter(&found);
    *index = (uint16_t)slot.index;
    if (!slot.word)
        return NULL;
    note_permanent(slot);
    return entry(slot);
}

const struct threadleak_module *module_of(uintptr_t pc, uint16_t *index)
{
    for (unsigned i = 0; i < sizeof permanent / sizeof permanent[0]; i++) {
        const struct permanent *kept = &permanent[i];
        uintptr_t size = __atomic_load_n(&kept->size, __ATOMIC_ACQUIRE);
        if (pc - kept->start >= size)
            continue;
        *index = (uint16_t)kept->index;
        return table_entry(modules, kept->index);
    }
    return look_up(pc, index);
}
