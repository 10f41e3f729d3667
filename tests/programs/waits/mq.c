/* SPDX-License-Identifier: MIT
 *
 * A POSIX message queue that is empty.
 * expect: kind=file_descriptors confidence=exact call=mq_timedreceive fds=50
 */
#include "waits.h"

#include <fcntl.h>
#include <mqueue.h>

static void prepare(void)
{
    char name[64];
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
    snprintf(name, sizeof name, "/threadleak-%d", getpid());
    mqd_t queue = mq_open(name, O_CREAT | O_RDWR, 0600, &attributes);
    must(queue >= 0 && mq_unlink(name) == 0 && dup2(queue, 50) == 50);
}

static void subject(void)
{
    char message[8];
    mq_receive(50, message, sizeof message, NULL);
}
