/* SPDX-License-Identifier: MIT
 *
 * variables_user.c - another unit of variables_c.c, that knows its variables by declaration, and has a static
 * one of the same name.
 */
#include <pthread.h>

extern pthread_mutex_t locks[];
static struct {
    pthread_mutex_t mutex;
} nameless;

pthread_mutex_t *use(int number);

pthread_mutex_t *use(int number)
{
    return number ? &locks[number] : &nameless.mutex;
}
