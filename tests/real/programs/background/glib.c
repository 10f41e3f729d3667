/* SPDX-License-Identifier: MIT
 *
 * GLib's worker (gmain), D-Bus' thread where there is a bus, an idle thread of the shared pool that GTask
 * uses. Not expected: `own`, made by g_thread_new, and the thread of an exclusive pool, which its user has to
 * free.
 */
#include <gio/gio.h>

#include "background.h"

static void nothing(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    (void)source, (void)data, (void)cancellable;
    g_task_return_boolean(task, TRUE);
}

static void done(gpointer number, gpointer data)
{
    (void)number, (void)data;
}

int main(void)
{
    GTask *task = g_task_new(NULL, NULL, NULL, NULL);
    g_task_run_in_thread_sync(task, nothing);
    if (getenv("DBUS_SESSION_BUS_ADDRESS"))
        must(g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, NULL) != NULL);
    must(g_thread_new("own", own, NULL) != NULL);
    must(g_thread_pool_new(done, NULL, 1, TRUE, NULL) != NULL);
    ready();
}
