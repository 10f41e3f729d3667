/* SPDX-License-Identifier: MIT */
#include "only.h"

#include <limits.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "options.h"

static bool is_end(char c)
{
    return c == '\0' || c == ',';
}

/* Whether `text` matches `glob`, up to its end or to a comma: `*` is any text, `?` any character. fnmatch(3)
 * may call malloc. The last `*` alone is ever taken back. */
static bool matches(const char *glob, const char *text)
{
    const char *star = NULL, *resume = NULL;
    while (*text) {
        if (*glob == '*') {
            star = ++glob;
            resume = text;
        } else if (!is_end(*glob) && (*glob == '?' || *glob == *text)) {
            glob++;
            text++;
        } else if (star) {
            glob = star;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return is_end(*glob);
}

static bool glob_names(const char *glob, const char *path)
{
    size_t length = strcspn(glob, ",");
    const char *slash = strrchr(path, '/');
    bool is_path = memchr(glob, '/', length) != NULL;
    return matches(glob, is_path || !slash ? path : slash + 1);
}

bool only_this_program(void)
{
    static char running[PATH_MAX];
    const char *executed = (const char *)getauxval(AT_EXECFN);
    if (!options.only[0])
        return true;
    ssize_t length = readlink("/proc/self/exe", running, sizeof running - 1);
    running[length > 0 ? length : 0] = '\0';
    for (const char *glob = options.only; glob; glob = strchr(glob, ','), glob += glob != NULL)
        if ((executed && glob_names(glob, executed)) || glob_names(glob, running))
            return true;
    return false;
}
