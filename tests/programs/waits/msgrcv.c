/* SPDX-License-Identifier: MIT
 *
 * A message queue of System V.
 * expect: kind=message_queue confidence=exact call=msgrcv
 */
#include "waits.h"

#include <sys/msg.h>

static int queue;

static void remove_it(void)
{
    msgctl(queue, IPC_RMID, NULL);
}

static void prepare(void)
{
    queue = msgget(IPC_PRIVATE, 0600);
    must(queue >= 0);
    remove_at_end(remove_it);
}

static void subject(void)
{
    struct {
        long type;
        char text[8];
    } message;
    msgrcv(queue, &message, sizeof message.text, 0, 0);
}
