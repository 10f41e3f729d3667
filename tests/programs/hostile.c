/* SPDX-License-Identifier: MIT
 *
 * Names that would do something to a terminal, are not UTF-8, or are none: 6 unjoined threads of 7. None of
 * the bytes may reach the terminal as they are.
 */
#include "scenario.h"

#include "threadleak.h"

static char names[6][16] = {
    "\033[31mred\033[m", "\xff\xfe\x80 latin", "line\nfeed\ttab", "\xe2\x80\xae right", "\302\233 csi", "",
};

static void *work(void *name)
{
    name_me(name);
    return name;
}

int main(void)
{
    for (int i = 0; i < 6; i++) {
        pthread_t thread;
        threadleak_scope_t scope = threadleak_scope_begin(i ? "\033]0;title\007 \xff" : names[0]);
        must(pthread_create(&thread, NULL, work, names[i]) == 0);
        threadleak_scope_close(scope);
    }
    be_looked_at(1);
}
