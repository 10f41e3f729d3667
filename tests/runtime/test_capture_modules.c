/* SPDX-License-Identifier: MIT
 *
 * Modules: what is kept of each, and stacks through plugins that are unloaded and replaced. The plugins lie
 * beside the program: build-id and frames of 1000 and of 3000 bytes (plugin_a.so, plugin_b.so), the same
 * without build-id (plugin_c.so, plugin_d.so), and libplugin_start.so, with which the program is linked.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frames_compare.h"
#include "modules.h"
#include "table.h"

static struct threadleak_table table;
static char directory[PATH_MAX];

static COMPARE_FUNCTION(compare_same, SAME) static COMPARE_FUNCTION(compare_in_start, IN_START)

    void plugin_run(void (*call)(void));
void plugin_constructed(void);

/* Called by the constructor of libplugin_start.so, and of each plugin. */
void plugin_constructed(void)
{
    if (!table.chunk_count) {
        modules_init(&table);
        compare_in_start();
    } else {
        compare_same();
    }
    __asm__ volatile("");
}

static void a_constructor_that_ld_so_calls(void **state)
{
    (void)state;
    assert_all_right("constructor", 2);
}

struct plugin {
    void *handle;
    void (*run)(void (*call)(void));
    uint16_t module;
};

static void path_of(char *path, const char *name)
{
    snprintf(path, PATH_MAX, "%.2000s/%s", directory, name);
}

static struct plugin load(const char *name, bool is_copy)
{
    char path[PATH_MAX];
    struct plugin plugin;
    path_of(path, name);
    plugin.handle = dlopen(path, RTLD_NOW);
    if (!plugin.handle)
        fail_msg("%s", dlerror());
    *(void **)&plugin.run = dlsym(plugin.handle, "plugin_run");
    assert_non_null(plugin.run);
    plugin.run(compare_same);
    const struct threadleak_module *module = module_of((uintptr_t)plugin.run, &plugin.module);
    assert_non_null(module);
    assert_int_equal(THREADLEAK_FRAME_MODULE(frames[0]), plugin.module);
    /* Another path of the same build, loaded where malloc and mmap happen to put it as before, is no news. */
    if (!is_copy)
        assert_non_null(memmem(module->name, sizeof module->name, name, strlen(name)));
    assert_all_right(name, 6);
    return plugin;
}

static void unload(struct plugin *plugin)
{
    uint16_t index;
    assert_int_equal(dlclose(plugin->handle), 0);
    assert_null(module_of((uintptr_t)plugin->run, &index));
    assert_int_equal(index, 0);
}

static const ElfW(Nhdr) * build_id_note(const struct dl_phdr_info *info)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        for (size_t at = 0; header->p_type == PT_NOTE && at < header->p_memsz;) {
            const ElfW(Nhdr) *note = (const void *)(info->dlpi_addr + header->p_vaddr + at);
            size_t align = header->p_align == 8 ? 8 : 4;
            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4)
                return note;
            at += sizeof *note + note->n_namesz;
            at = (at + align - 1) / align * align + note->n_descsz;
            at = (at + align - 1) / align * align;
        }
    }
    return NULL;
}

static int check_module(struct dl_phdr_info *info, size_t size, void *unused)
{
    uint16_t index;
    uintptr_t code = 0;
    (void)size, (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X)
            code = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    const struct threadleak_module *module = module_of(code, &index);
    assert_non_null(module);
    assert_true(index > 0 && index < table.used);
    assert_ptr_equal(module, table_entry(&table, index));
    assert_true(module->start <= code && code < module->end);
    assert_int_equal(module->bias, info->dlpi_addr);
    char name[PATH_MAX] = {0};
    if (*info->dlpi_name)
        snprintf(name, sizeof name, "%s", info->dlpi_name);
    else
        assert_true(readlink("/proc/self/exe", name, sizeof name) > 0);
    assert_true(strlen(name) < sizeof module->name);
    assert_string_equal(module->name, name);
    const ElfW(Nhdr) *note = build_id_note(info);
    assert_int_equal(module->build_id_size, note ? note->n_descsz : 0);
    if (note)
        assert_memory_equal(module->build_id, (const char *)(note + 1) + 4, note->n_descsz);
    return 0;
}

static void every_loaded_module(void **state)
{
    (void)state;
    dl_iterate_phdr(check_module, NULL);
    uint64_t used = table.used;
    dl_iterate_phdr(check_module, NULL);
    assert_int_equal(table.used, used);
}

static void addresses_in_no_module(void **state)
{
    (void)state;
    static const uintptr_t none[] = {0, 1, 0x1000, UINTPTR_MAX, 1ul << 48, 0x7fffffffffff};
    uint16_t index = 7;
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_null(module_of((uintptr_t)page, &index));
    assert_int_equal(index, 0);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_null(module_of(none[i], &index));
    munmap(page, 4096);
}

static void the_same_plugin_again_is_the_same_module(void **state)
{
    (void)state;
    static const char *names[] = {"plugin_a.so", "plugin_c.so"};
    for (int i = 0; i < 2; i++) {
        struct plugin first = load(names[i], false);
        unload(&first);
        threadleak_modules_changed_();
        struct plugin again = load(names[i], false);
        if (again.run == first.run)
            assert_int_equal(again.module, first.module);
        unload(&again);
        threadleak_modules_changed_();
    }
}

static void replace_by_another(const char *name, const char *other, bool tell)
{
    struct plugin before = load(name, false);
    unload(&before);
    if (tell)
        threadleak_modules_changed_();
    struct plugin after = load(other, false);
    assert_ptr_equal(after.run, before.run); /* else this tests nothing: the plugins are made for it */
    assert_int_not_equal(after.module, before.module);
    unload(&after);
    threadleak_modules_changed_();
}

static void another_plugin_at_the_same_place(void **state)
{
    (void)state;
    replace_by_another("plugin_a.so", "plugin_b.so", false);
    replace_by_another("plugin_b.so", "plugin_a.so", false);
    replace_by_another("plugin_a.so", "plugin_b.so", true);
    replace_by_another("plugin_c.so", "plugin_d.so", true);
    replace_by_another("plugin_d.so", "plugin_c.so", true);
    replace_by_another("plugin_c.so", "plugin_a.so", true);
}

static void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 20];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    ssize_t size = read(in, bytes, sizeof bytes);
    assert_true(size > 0 && size < (ssize_t)sizeof bytes);
    assert_int_equal(write(out, bytes, (size_t)size), size);
    close(in), close(out);
}

/* Hot reload: the file of the same name was built anew. */
static void a_rebuilt_plugin(void **state)
{
    (void)state;
    static const char *sources[] = {"plugin_a.so", "plugin_b.so", "plugin_c.so", "plugin_d.so"};
    char from[PATH_MAX], to[PATH_MAX];
    uint16_t modules[4];
    path_of(to, "plugin_reloaded.so");
    for (int i = 0; i < 4; i++) {
        unlink(to);
        path_of(from, sources[i]);
        copy_file(from, to);
        struct plugin plugin = load("plugin_reloaded.so", true);
        modules[i] = plugin.module;
        unload(&plugin);
        if (i >= 1)
            threadleak_modules_changed_();
    }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++)
            assert_int_not_equal(modules[i], modules[j]);
    unlink(to);
}

static void of_a_long_path_the_end(void **state)
{
    (void)state;
    char from[PATH_MAX], to[PATH_MAX], deep[] = "a/plugin_with_a_long_path.so";
    char name[300];
    memset(name, 'a', 220);
    strcpy(name + 220, deep);
    path_of(from, "plugin_a.so");
    path_of(to, name);
    *strrchr(to, '/') = 0;
    assert_true(mkdir(to, 0755) == 0 || errno == EEXIST);
    path_of(to, name);
    copy_file(from, to);
    void *handle = dlopen(to, RTLD_NOW);
    assert_non_null(handle);
    uint16_t index;
    const struct threadleak_module *module = module_of((uintptr_t)dlsym(handle, "plugin_run"), &index);
    size_t kept = sizeof module->name;
    assert_memory_equal(module->name, to + strlen(to) - kept, kept);
    dlclose(handle);
    unlink(to);
    *strrchr(to, '/') = 0;
    rmdir(to);
    assert_all_right("long path", 0);
}

static pthread_barrier_t barrier;
static uintptr_t address_to_find;

static void *find(void *argument)
{
    pthread_barrier_wait(&barrier);
    module_of(address_to_find, argument);
    return NULL;
}

static void seen_first_by_many_threads_at_once(void **state)
{
    (void)state;
    char path[PATH_MAX];
    path_of(path, "plugin_a.so");
    for (int round = 0; round < 50; round++) {
        pthread_t threads[4];
        uint16_t indices[4] = {0};
        char copy[PATH_MAX];
        snprintf(copy, sizeof copy, "%.2000s/plugin_copy_%d.so", directory, round);
        copy_file(path, copy);
        void *handle = dlopen(copy, RTLD_NOW | RTLD_LOCAL);
        assert_non_null(handle);
        address_to_find = (uintptr_t)dlsym(handle, "plugin_run") + (uintptr_t)(round % 8);
        pthread_barrier_init(&barrier, NULL, 4);
        for (int i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, find, &indices[i]);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        assert_int_not_equal(indices[0], 0);
        for (int i = 1; i < 4; i++)
            assert_int_equal(indices[i], indices[0]);
        pthread_barrier_destroy(&barrier);
        dlclose(handle); /* most rounds find another slot to put it in */
        unlink(copy);
    }
    assert_all_right("threads", 0);
}

static void errno_is_kept(void **state)
{
    (void)state;
    char path[PATH_MAX];
    uint16_t index;
    path_of(path, "plugin_b.so");
    void *handle = dlopen(path, RTLD_NOW);
    uintptr_t address = (uintptr_t)dlsym(handle, "plugin_run");
    errno = EXDEV;
    module_of(address, &index);
    assert_int_equal(errno, EXDEV);
    dlclose(handle);
    threadleak_modules_changed_();
}

static void no_room_is_counted(void **state)
{
    (void)state;
    struct threadleak_table saved = table;
    char path[PATH_MAX], copy[PATH_MAX];
    uint16_t index = 3;
    path_of(path, "plugin_d.so");
    path_of(copy, "plugin_unseen.so");
    copy_file(path, copy);
    table.used = 0x10000;
    void *handle = dlopen(copy, RTLD_NOW);
    assert_non_null(handle);
    assert_null(module_of((uintptr_t)dlsym(handle, "plugin_run"), &index));
    assert_int_equal(index, 0);
    assert_true(table.dropped > saved.dropped);
    dlclose(handle);
    unlink(copy);
    table.used = saved.used;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constructor_that_ld_so_calls),
        cmocka_unit_test(every_loaded_module),
        cmocka_unit_test(addresses_in_no_module),
        cmocka_unit_test(the_same_plugin_again_is_the_same_module),
        cmocka_unit_test(another_plugin_at_the_same_place),
        cmocka_unit_test(a_rebuilt_plugin),
        cmocka_unit_test(of_a_long_path_the_end),
        cmocka_unit_test(seen_first_by_many_threads_at_once),
        cmocka_unit_test(errno_is_kept),
        cmocka_unit_test(no_room_is_counted),
    };
    if (readlink("/proc/self/exe", directory, sizeof directory - 1) <= 0)
        return 1;
    *strrchr(directory, '/') = 0;
    plugin_run(compare_same);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
