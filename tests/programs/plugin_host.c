/* SPDX-License-Identifier: MIT
 *
 * Loads the plugin argv[1], lets it start a thread that stays and one that finishes, and unloads it while
 * the one lives and nobody joined the other. To be reported: plugin-unjoined, unjoined, and plugin-alive,
 * alive, both with start routine and place of creation in the plugin, named from its file.
 */
#include "scenario.h"

#include <dlfcn.h>

int main(int argc, char **argv)
{
    must(argc == 2);
    void *plugin = dlopen(argv[1], RTLD_NOW);
    must(plugin);
    void (*start_work)(void (*)(void)) = (void (*)(void (*)(void)))dlsym(plugin, "start_work");
    must(start_work);
    start_work(arrive); /* calls the plugin */
    await_arrivals(1);
    await_tasks(2);
    must(dlclose(plugin) == 0 && !dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD));
    be_looked_at(2);
}
