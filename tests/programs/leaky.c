/* SPDX-License-Identifier: MIT
 *
 * Whatever a thread can become, once each. To be reported, ids in the order of creation, main being 1:
 *
 *   2  helper      joined: gone
 *   3  orphan      alive; created by helper, which is gone
 *   4  request-1   unjoined, scope request, which ended inside session, which is open
 *   5  request-2   unjoined, the same site as request-1
 *   6  straggler   outlived scope request
 *   7  pool        alive, scope session
 *   8  daemon      alive, created detached
 *   9  exiter      unjoined, left by pthread_exit
 *   10 c11         unjoined, made by thrd_create, left by thrd_exit
 *   11 awaited     alive, is being joined by waiter
 *   12 waiter      alive, blocked in pthread_join
 *
 * So 5 leaked (4 unjoined, 1 outlived) of 11, 7 of which the kernel has.
 */
#include "scenario.h"

#include <sys/prctl.h>
#include <threads.h>

#include "threadleak.h"

static pthread_t threads[13];

static void *be_orphan(void *arg)
{
    name_me("orphan");
    block();
    return arg;
}

static void *be_helper(void *arg)
{
    name_me("helper");
    must(pthread_create(&threads[3], NULL, be_orphan, arg) == 0); /* creates orphan */
    return arg;
}

static void *handle_request(void *name)
{
    name_me(name);
    return name;
}

static void *be_straggler(void *arg)
{
    name_me("straggler");
    block();
    return arg;
}

static void serve_request(void)
{
    static char names[2][16] = {"request-1", "request-2"};
    threadleak_scope_t scope = threadleak_scope_begin("request");
    for (volatile int i = 0; i < 2; i++) /* volatile: one call, not two */
        must(pthread_create(&threads[4 + i], NULL, handle_request, names[i]) == 0); /* creates requests */
    must(pthread_create(&threads[6], NULL, be_straggler, NULL) == 0);               /* creates straggler */
    await_arrivals(1);
    threadleak_scope_close(scope);
}

static void *be_pool(void *arg)
{
    name_me("pool");
    block();
    return arg;
}

static void *be_daemon(void *arg)
{
    prctl(PR_SET_NAME, "daemon", 0, 0, 0);
    block();
    return arg;
}

static void start_services(void)
{
    pthread_attr_t detached;
    must(pthread_create(&threads[7], NULL, be_pool, NULL) == 0); /* creates pool */
    must(pthread_attr_init(&detached) == 0);
    must(pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED) == 0);
    must(pthread_create(&threads[8], &detached, be_daemon, NULL) == 0); /* creates daemon */
    await_arrivals(2);
}

static void *be_exiter(void *arg)
{
    name_me("exiter");
    pthread_exit(arg);
}

static int be_c11(void *arg)
{
    name_me("c11");
    thrd_exit(arg != NULL);
}

static void forget_threads(void)
{
    must(pthread_create(&threads[9], NULL, be_exiter, NULL) == 0); /* creates exiter */
    must(thrd_create(&threads[10], be_c11, NULL) == thrd_success); /* creates c11 */
}

static void *be_awaited(void *arg)
{
    name_me("awaited");
    block();
    return arg;
}

static void *be_waiter(void *arg)
{
    name_me("waiter");
    arrive();
    pthread_join(threads[11], NULL);
    return arg;
}

int main(void)
{
    must(pthread_create(&threads[2], NULL, be_helper, NULL) == 0); /* creates helper */
    must(pthread_join(threads[2], NULL) == 0);
    await_arrivals(1);
    threadleak_scope_t session = threadleak_scope_begin("session");
    serve_request();
    start_services();
    forget_threads();
    must(pthread_create(&threads[11], NULL, be_awaited, NULL) == 0); /* creates awaited */
    await_arrivals(1);
    must(pthread_create(&threads[12], NULL, be_waiter, NULL) == 0); /* creates waiter */
    await_arrivals(1);
    be_looked_at(7);
    threadleak_scope_close(session);
}
