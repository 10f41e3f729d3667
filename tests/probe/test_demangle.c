/* SPDX-License-Identifier: MIT
 *
 * Names as people write them (helper/probe/demangle.c). What is expected is what libiberty gives with
 * DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP, as GDB calls it for functions that it has debug information of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "demangle.h"

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

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *demangled = demangle(names[i].mangled);
        if (names[i].expected && (!demangled || strcmp(demangled, names[i].expected)))
            fail_msg("%s is %s instead of %s", names[i].mangled, demangled, names[i].expected);
        if (!names[i].expected && demangled)
            fail_msg("%s is %s", names[i].mangled, demangled);
        free(demangled);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_brackets_that_do_not_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
