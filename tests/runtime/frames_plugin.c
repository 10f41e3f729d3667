/* SPDX-License-Identifier: MIT
 *
 * frames_plugin.c - a shared object, built with several values of FRAME_SIZE that make code of the same size
 * with other rules.
 */
#define USE(object) __asm__ volatile("" : : "r"(object) : "memory")

void plugin_run(void (*call)(void));

void plugin_run(void (*call)(void))
{
    char room[FRAME_SIZE];
    USE(room);
    call();
    USE(room);
}

/* The program's. */
__attribute__((weak)) void plugin_constructed(void);

static __attribute__((constructor)) void construct(void)
{
    if (plugin_constructed)
        plugin_constructed();
    __asm__ volatile("");
}
