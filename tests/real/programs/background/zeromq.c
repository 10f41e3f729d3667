/* SPDX-License-Identifier: MIT
 *
 * A context of ZeroMQ that nobody terminates: its two threads are a leak of the user's.
 */
#include <zmq.h>

#include "background.h"

int main(void)
{
    must(zmq_socket(zmq_ctx_new(), ZMQ_PAIR) != NULL);
    ready();
}
