/* SPDX-License-Identifier: MIT
 *
 * Names as people write them (helper/probe/demangle.c). What is expected is what libiberty gives with
 * DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP, as GDB calls it for functions that it has debug information of.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "demangle.h"

#define REFERENCES "S_S0_S1_S2_S3_S4_S5_S6_"
#define MEANINGS ", A, A*, B, B*, C, C*, D, D*"

static const struct {
    const char *mangled, *expected;
} names[] = {
    {"_Z3runi", "run(int)"},
    {"_Z3runIiEvi", "run<int>(int)"},
    {"_ZN3app12_GLOBAL__N_14PoolIiE3runIlEEiT_", "app::(anonymous namespace)::Pool<int>::run<long>(long)"},
    {"_ZN4llvm15callDefaultCtorINS_22TypeBasedAAWrapperPassEEEPNS_4PassEv",
     "llvm::callDefaultCtor<llvm::TypeBasedAAWrapperPass>()"},
    /* operators */
    {"_ZN1AltIiEEbT_", "A::operator< <int>(int)"},
    {"_ZN1AlsIiEERS_T_", "A::operator<< <int>(int)"},
    {"_ZN1AclIiEET_S1_", "A::operator()<int>(int)"},
    {"_ZN1AixIiEET_S1_", "A::operator[]<int>(int)"},
    {"_ZN1ApmIiEEPS_T_", "A::operator->*<int>(int)"},
    {"_ZN1AnwIiEEPvmT_", "A::operator new<int>(unsigned long, int)"},
    {"_ZN1AdaEPv", "A::operator delete[](void*)"},
    {"_ZNK1AcvPiEv", "A::operator int*() const"},
    {"_ZNK1AcvT_IlEEv", "A::operator long<long>() const"},
    {"_Zli2_kPKc", "operator\"\" _k(char const*)"},
    /* return types that are made of more than a name */
    {"_ZN1A2fpIiEEPFvcET_", "A::fp<int>(int)"},
    {"_ZN1A3arrIiEERA3_iT_", "A::arr<int>(int)"},
    {"_ZNKR1A2ccIiEEPKcT_", "A::cc<int>(int) const &"},
    {"_ZNO1A2rvIiEEvT_", "A::rv<int>(int) &&"},
    {"_ZN1A2auIiEEDTplcvT__ELi1EES1_", "A::au<int>(int)"},
    {"_ZN1A2daIiEEDcT_", "A::da<int>(int)"},
    {"_Z2kkIXadL_ZL2ssiEEEiv", "kk<&(ss(int))>()"},
    /* lambdas, classes and variables that are local to functions */
    {"_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()() const"},
    {"_ZZ1hIiEvT_ENKUliE_clEi", "h<int>(int)::{lambda(int)#1}::operator()(int) const"},
    {"_ZZ1hIiEvT_ENUliE_4_FUNEi", "h<int>(int)::{lambda(int)#1}::_FUN(int)"},
    {"_ZZ1hIiEvT_ENKUlS_E_clIiEEDaS_", "h<int>(int)::{lambda(h)#1}::operator()<int>(h) const"},
    {"_ZZ1fvE1x", "f()::x"},
    /* a return type that is local to a function */
    {"_ZSt9addressofIZ1hIiEvT_EUliE_EPS0_RS0_", "std::addressof<h<int>(int)::{lambda(int)#1}>(h&)"},
    /* clones, and what is no function */
    {"_Z3foov.cold", "foo() [clone .cold]"},
    {"_Z3fooIiEvT_.isra.0", "foo<int>(int) [clone .isra.0]"},
    {"_ZTV5Shape", "vtable for Shape"},
    {"_ZTI5Shape", "typeinfo for Shape"},
    {"_ZTS5Shape", "typeinfo name for Shape"},
    {"_ZTT5Shape", "VTT for Shape"},
    {"_ZGVZ1fvE1x", "guard variable for f()::x"},
    {"_ZThn8_N1D1fEv", "non-virtual thunk to D::f()"},
    {"_ZN5boost8variableE", "boost::variable"},
    /* many references: which may mean much, and do not */
    {"_Z4manyP1AP1BP1CP1D" REFERENCES REFERENCES REFERENCES REFERENCES REFERENCES,
     "many(A*, B*, C*, D*" MEANINGS MEANINGS MEANINGS MEANINGS MEANINGS ")"},
    /* Rust */
    {"_ZN4core3ptr13drop_in_place17h0123456789abcdefE", "core::ptr::drop_in_place"},
    {"_ZN63_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..clone..Clone$GT$5clone17h0123456789abcdefE",
     "<alloc::vec::Vec<T> as core::clone::Clone>::clone"},
    {"_ZN3std6thread5spawn28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE",
     "std::thread::spawn::{{closure}}"},
    {"_ZN4core3ptr17h0123456789abcdegE", "core::ptr::h0123456789abcdeg"},
    /* not mangled, or not well */
    {"main", NULL},
    {"i", NULL},
    {"", NULL},
    {"_Z", NULL},
    {"_ZN", NULL},
    {"_ZN99999999999999999999x17h0123456789abcdefE", NULL},
};

static struct demangler demangler;

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *demangled = demangle(&demangler, names[i].mangled);
        if (names[i].expected && (!demangled || strcmp(demangled, names[i].expected)))
            fail_msg("%s is %s instead of %s", names[i].mangled, demangled, names[i].expected);
        if (!names[i].expected && demangled)
            fail_msg("%s is %s", names[i].mangled, demangled);
        free(demangled);
    }
    demangler_end(&demangler);
}

/* Names come from files that nobody vouches for. */
static void test_brackets_that_do_not_match(void **state)
{
    static const char *const odd[] = {"(",        "a(",        "void a(int", "a b<",      ">",
                                      "a>(b)",    "void (",    "void (*",    "void (*f",  "()",
                                      "operator", "operator(", "a ",         "operator ", "void (*f(int))(",
                                      "(*)()",    "x (&)()",   " "};
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        char *copy = strdup(odd[i]);
        assert_ptr_equal(drop_return_type(copy), copy);
        assert_true(strlen(copy) <= strlen(odd[i]));
        free(copy);
    }
    char deep[2048];
    memset(deep, '<', sizeof deep - 1);
    deep[sizeof deep - 1] = 0;
    assert_int_equal(strlen(drop_return_type(deep)), sizeof deep - 1);
}

/* ---- hostile names ------------------------------------------------------------------------------- */

static void put_reference(char *name, unsigned index)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char text[8] = "S_";
    if (index > 36)
        snprintf(text, sizeof text, "S%c%c_", digits[(index - 1) / 36], digits[(index - 1) % 36]);
    else if (index)
        snprintf(text, sizeof text, "S%c_", digits[index - 1]);
    strcat(name, text);
}

/* f(A, B<A, A>, B<B<A, A>, B<A, A>>, ...): what S_, S1_, S3_ and so on mean doubles each time. */
static char *doubling(const char *head, unsigned first, unsigned levels, const char *tail)
{
    static char name[2048];
    snprintf(name, sizeof name, "%s1A", head);
    for (unsigned i = 0; i < levels; i++) {
        strcat(name, "1BI");
        put_reference(name, first + 2 * i);
        put_reference(name, first + 2 * i);
        strcat(name, "E");
    }
    return strcat(name, tail);
}

/* A conversion to a template's parameter: whether arguments are its own or the function's is found out by
 * parsing them twice, and those in them four times, and so on. */
static char *parsed_twice(unsigned levels)
{
    static char name[2048];
    strcpy(name, "_Z");
    for (unsigned i = 0; i < levels; i++)
        strcat(name, "N1AcvT_I");
    strcat(name, "i");
    for (unsigned i = 0; i < levels; i++)
        strcat(name, "EE");
    return name;
}

static unsigned children_told;

static void count_child(int number)
{
    (void)number;
    children_told++;
}

static long used_ms(int whose)
{
    struct rusage used;
    getrusage(whose, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

static void check_is_refused(const char *name)
{
    struct demangler own = {0};
    struct rusage used;
    char *demangled = demangle(&own, name);
    if (demangled)
        fail_msg("%s is %.100s", name, demangled);
    demangler_end(&own);
    getrusage(RUSAGE_SELF, &used);
    assert_true(used.ru_maxrss < 256 << 10);
    getrusage(RUSAGE_CHILDREN, &used);
    assert_true(used.ru_maxrss < 256 << 10);
}

/* Without bounds each would take memory until there is none, or time for ever. */
static void test_names_that_explode(void **state)
{
    struct rlimit before, most = {1 << 30, 1 << 30};
    (void)state;
    getrlimit(RLIMIT_AS, &before);
    most.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_AS, &most);
    signal(SIGCHLD, count_child);
    check_is_refused(doubling("_Z1f", 0, 26, ""));
    check_is_refused(doubling("_Z1f", 0, 80, ""));
    check_is_refused(doubling("_Z1fIJEEv", 1, 60, "DpS3D_"));
    check_is_refused(parsed_twice(60));
    signal(SIGCHLD, SIG_DFL);
    setrlimit(RLIMIT_AS, &before);
    assert_int_equal(children_told, 0);
    assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* A file may have as many of them as it likes; what is not hostile is named all the same, and children that
 * nobody asks any more end. */
static void test_many_that_explode(void **state)
{
    struct demangler own = {0};
    char name[2048];
    long before = used_ms(RUSAGE_CHILDREN);
    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "%s.%u", parsed_twice(40), i);
        assert_null(demangle(&own, name));
    }
    char *demangled = demangle(&own, "_Z3runIiEvi");
    assert_string_equal(demangled, "run<int>(int)");
    free(demangled);
    demangler_end(&own);
    assert_true(used_ms(RUSAGE_CHILDREN) - before < 10000);
}

static void test_child_that_has_ended(void **state)
{
    static const char many[] = "_Z4manyP1AP1BP1CP1D" REFERENCES REFERENCES REFERENCES REFERENCES REFERENCES;
    struct demangler own = {0};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        char *demangled = demangle(&own, many);
        assert_non_null(demangled);
        free(demangled);
        assert_true(own.child > 0);
        kill(own.child, SIGKILL);
    }
    demangler_end(&own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_brackets_that_do_not_match),
        cmocka_unit_test(test_names_that_explode),
        cmocka_unit_test(test_many_that_explode),
        cmocka_unit_test(test_child_that_has_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
