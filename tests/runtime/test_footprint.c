/* SPDX-License-Identifier: MIT
 *
 * What the library takes of a thread: at most 256 bytes of stack, 64 bytes of TLS, and no creation that works
 * bare fails. Stacks are painted and looked at afterwards; bare calls go to libc directly.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "view.h"

#define STACK_SIZE (256 * 1024)
#define PAINT 0xa5

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
typedef int join_fn(pthread_t, void **);

static create_fn *bare_create;
static join_fn *bare_join;

static struct calls {
    create_fn *create;
    join_fn *join;
} wrapped = {pthread_create, pthread_join}, bare;

static void *returns(void *arg)
{
    return arg;
}

static void *creates_and_joins(void *arg)
{
    const struct calls *calls = arg;
    pthread_t pthread;
    if (calls->create(&pthread, NULL, returns, NULL) == 0)
        calls->join(pthread, NULL);
    return NULL;
}

/* Bytes of a painted stack that a thread with `calls` touched. */
static size_t used(struct calls *calls, void *(*start)(void *))
{
    unsigned char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(stack, MAP_FAILED);
    memset(stack, PAINT, STACK_SIZE);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstack(&attr, stack, STACK_SIZE), 0);
    pthread_t pthread;
    assert_int_equal(calls->create(&pthread, &attr, start, calls), 0);
    assert_int_equal(calls->join(pthread, NULL), 0);
    size_t untouched = 0;
    while (untouched < STACK_SIZE && stack[untouched] == PAINT)
        untouched++;
    munmap(stack, STACK_SIZE);
    return STACK_SIZE - untouched;
}

static void a_thread_of_its_own(void **state)
{
    (void)state;
    used(&bare, returns);
    used(&wrapped, returns);
    size_t without = used(&bare, returns), with = used(&wrapped, returns);
    print_message("stack of a thread: bare %zu, with the library %zu bytes\n", without, with);
    assert_true(with <= without + 256);
}

static void a_thread_that_creates_and_joins(void **state)
{
    (void)state;
    used(&bare, creates_and_joins);
    used(&wrapped, creates_and_joins); /* the first capture fills the cache of unwind rules */
    size_t without = used(&bare, creates_and_joins), with = used(&wrapped, creates_and_joins);
    print_message("stack of a creator: bare %zu, with the library %zu bytes\n", without, with);
    assert_true(with <= without + 256);
}

static void the_smallest_stack_still_works(void **state)
{
    (void)state;
    pthread_attr_t attr;
    pthread_t pthread;
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN), 0);
    assert_int_equal(pthread_create(&pthread, &attr, creates_and_joins, &wrapped), 0);
    assert_int_equal(pthread_join(pthread, NULL), 0);
}

int main(void)
{
    alarm(60);
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    bare_create = (create_fn *)dlsym(libc, "pthread_create");
    bare_join = (join_fn *)dlsym(libc, "pthread_join");
    bare = (struct calls){bare_create, bare_join};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_of_its_own),
        cmocka_unit_test(a_thread_that_creates_and_joins),
        cmocka_unit_test(the_smallest_stack_still_works),
    };
    return cmocka_run_group_tests_name("footprint", tests, NULL, NULL);
}
