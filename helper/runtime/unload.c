/* SPDX-License-Identifier: MIT
 *
 * unload.c - the wrapper of dlclose: addresses may come to mean something else. A file, and in the archive a
 * member, of its own: no static program gets dlclose because of us.
 */
#include "modules.h"
#include "real.h"

EXPORT int WRAPPER(dlclose)(void *handle)
{
    int result = REAL(dlclose)(handle);
    threadleak_modules_changed_();
    return result;
}
