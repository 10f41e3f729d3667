# SPDX-License-Identifier: MIT
"""Which primitive a futex wait belongs to, by the names of the functions that lead to it.

Innermost first, functions of waiting itself are passed over; the first one that is none of these decides, so that a
lock inside an init routine of pthread_once is a lock. glibc's exported functions are named in stripped files too,
and its local ones by whoever calls them; with debug information their own names are seen.
"""

from typing import Dict, Iterable, Iterator, List, NamedTuple, Set

from ..patterns import Pattern
from ..target.base import Frame
from . import wait


class Primitive(NamedTuple):
    kind: str
    function: str = ""  # that decided; "": none did
    flavour: str = ""
    is_private_lock: bool = False  # one of libc's own: it waits in __lll_lock_wait_private


UNKNOWN = Primitive(wait.FUTEX)


def _names(pattern: str) -> List[str]:
    """`a{b,c}d` and such, as a shell has it: each name that it stands for."""
    before, brace, rest = pattern.partition("{")
    if not brace:
        return [pattern]
    inner, _, after = rest.partition("}")
    return [name for each in inner.split(",") for name in _names(before + each + after)]


# Functions of glibc and libstdc++'s C interface, as _bare() leaves their names.
_BY_NAME: Dict[str, str] = {
    name: kind
    for kind, patterns in {
        wait.MUTEX: "pthread_mutex_{,timed,clock,cond_}lock{,_full,_common} mtx_{,timed}lock",
        wait.CONDITION: "pthread_cond_{,timed,clock}wait{,_common} cnd_{,timed}wait",
        wait.SEMAPHORE: "{,new_,do_}sem_{,timed,clock}wait{,_slow,_common}",
        wait.RWLOCK_READ: "pthread_rwlock_{,timed,clock}rdlock{,_full}",
        wait.RWLOCK_WRITE: "pthread_rwlock_{,timed,clock}wrlock{,_full}",
        wait.BARRIER: "pthread_barrier_wait",
        wait.ONCE: "pthread_once{,_slow} call_once",
        wait.JOIN: "pthread_{,timed,clock}join{,_np,_ex} thrd_join",
        wait.STATIC_GUARD: "cxa_guard_acquire",
    }.items()
    for pattern in patterns.split()
    for name in _names(pattern)
}
_PRIVATE_LOCK = "lll_lock_wait_private"
_PASSED_OVER: Set[str] = {
    name
    for pattern in (
        "syscall futex_wait{,_simple,_cancelable} futex_{lock_pi,clocklock} do_futex_wait"
        " lll_{lock_wait,mutex_lock_optimized,lock_elision,clocklock_elision}"
        " futex_abstimed_wait{,_common,_cancelable} internal_syscall_cancel syscall_cancel{,_arch}"
    ).split()
    for name in _names(pattern)
} | {_PRIVATE_LOCK}
_STDIO = Pattern(
    r"(IO_|flockfile$|v?f?w?printf|v?f?w?scanf|(f|un)?(get|put)(w?c|w?s|char|line|delim|w)|f(read|write)"
    r"|fflush|f?close|fseek|ftell|rewind|setv?buf|perror)"
)
# C++ and Rust: what a demangled name holds.
_ELSEWHERE = (
    (Pattern(r"^std::__atomic_futex_unsigned_base::"), wait.FUTURE),
    (Pattern(r"futex_mutex::|\bmutex::futex::|\bMutex>?::lock_contended"), wait.RUST_MUTEX),
    (
        Pattern(r"futex_rwlock::|\brwlock::futex::|\bRwLock>?::(read|write)_contended"),
        wait.RUST_RWLOCK,
    ),
    (Pattern(r"futex_condvar::|\bcondvar::futex::|\bCondvar>?::wait"), wait.RUST_CONDITION),
    (Pattern(r"\bonce::futex::|\bfutex::Once>?::"), wait.RUST_ONCE),
    (Pattern(r"\bParker>?::park|\bthread::(\w+::)?park"), wait.RUST_PARK),
)
_RUST_PLUMBING = Pattern(r"\bfutex::futex_wait|^futex_wait")
# libstdc++ has these waits in headers: what is made of atomic waits stands outside of them.
_ATOMIC = Pattern(
    r"\bstd::(__detail::__(\w+_)?wait|__atomic_(wait|impl|base|ref|flag)|atomic(_flag|_ref)?\b)"
)
_OF_ATOMICS = (
    (Pattern(r"\bstd::latch::"), wait.LATCH, ""),
    (Pattern(r"\bstd::(counting_semaphore|__atomic_semaphore)\b"), wait.SEMAPHORE, "C++20"),
    (Pattern(r"\bstd::(barrier|__tree_barrier)\b"), wait.BARRIER, "C++20"),
)


def _bare(function: str) -> str:
    """Without what glibc, compilers and we put around a name: __GI___x64.constprop.0 [local]."""
    for end in ("(", " ", "@", "."):
        function = function.partition(end)[0]
    function = function.lstrip("_")
    if function.startswith("GI_"):
        function = function[3:].lstrip("_")
    return function[:-2] if function.endswith("64") else function


def is_stdio_function(function: str) -> bool:
    """Of those that take a FILE's lock."""
    return _STDIO.match(_bare(function)) is not None


def primitive_of(frames: Iterable[Frame]) -> Primitive:
    """`frames`: innermost first; no more of them are taken than are needed."""
    module, is_private = None, False
    rest = iter(frames)
    for frame in rest:
        module = module or frame.module
        if frame.function is None:
            if frame.module is None or frame.module != module:
                return UNKNOWN  # the program's own, stripped: it may do whatever it likes
            continue
        name = frame.function
        bare = _bare(name)
        is_private |= bare == _PRIVATE_LOCK
        if bare in _PASSED_OVER or _RUST_PLUMBING.search(name):
            continue
        if bare in _BY_NAME and "::" not in name:
            return Primitive(_BY_NAME[bare], name)
        if is_private:
            return Primitive(wait.LIBC_LOCK, name, is_private_lock=True)
        return _in_cxx_or_rust(name, rest)
    return Primitive(wait.LIBC_LOCK, is_private_lock=True) if is_private else UNKNOWN


def _in_cxx_or_rust(name: str, outer: Iterable[Frame]) -> Primitive:
    for pattern, kind in _ELSEWHERE:
        if pattern.search(name):
            return Primitive(kind, name)
    if _ATOMIC.search(name) is None:
        return next(_made_of_atomics(name), Primitive(wait.FUTEX, name))
    for frame in outer:
        function = frame.function or ""
        for made in _made_of_atomics(function):
            return made
        if _ATOMIC.search(function) is None:
            break
    return Primitive(wait.ATOMIC, name)


def _made_of_atomics(name: str) -> Iterator[Primitive]:
    for pattern, kind, flavour in _OF_ATOMICS:
        if pattern.search(name):
            yield Primitive(kind, name, flavour)
