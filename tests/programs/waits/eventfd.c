/* SPDX-License-Identifier: MIT
 *
 * An eventfd that nobody writes to.
 * expect: kind=file_descriptors confidence=exact call=read fds=50
 */
#include "waits.h"

#include <sys/eventfd.h>

static void prepare(void)
{
    int file = eventfd(0, 0);
    must(file >= 0 && dup2(file, 50) == 50);
}

static void subject(void)
{
    eventfd_t value;
    eventfd_read(50, &value);
}
