/* SPDX-License-Identifier: MIT
 *
 * The server of scripts/demo: a thread for each connection, which nobody joins, and a thread that writes
 * statistics, which outlives the warm-up in which it was started. Looked at after three requests, it shows
 * three `unjoined` threads, created in accept_connections, and one `outlived`, created in warm_up.
 *
 * usage: leaky_server REQUESTS   prints "port N", then "served" when REQUESTS threads have finished.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "threadleak.h"

static sem_t served;

static void *write_statistics(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void *handle_connection(void *arg)
{
    int connection = *(int *)arg;
    char request[64];
    free(arg);
    if (read(connection, request, sizeof request) > 0 && write(connection, "hello\n", 6) == 6)
        sem_post(&served);
    close(connection);
    return NULL;
}

static void warm_up(void)
{
    pthread_t statistics;
    threadleak_scope_t scope = threadleak_scope_begin("warm-up");
    if (pthread_create(&statistics, NULL, write_statistics, NULL) == 0)
        pthread_setname_np(statistics, "statistics");
    threadleak_scope_close(scope);
}

static void accept_connections(int listener, int requests)
{
    for (int i = 0; i < requests; i++) {
        int *connection = malloc(sizeof *connection);
        pthread_t handler;
        if (!connection || (*connection = accept(listener, NULL, NULL)) < 0)
            exit(1);
        if (pthread_create(&handler, NULL, handle_connection, connection) == 0) /* and no pthread_join */
            pthread_setname_np(handler, "connection");
    }
    for (int i = 0; i < requests; i++)
        sem_wait(&served);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 16) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        return 1;
    sem_init(&served, 0, 0);
    warm_up();
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    accept_connections(listener, argc > 1 ? atoi(argv[1]) : 3);
    printf("served\n");
    fflush(stdout);
    for (;;)
        pause();
}
