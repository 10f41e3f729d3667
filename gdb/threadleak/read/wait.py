# SPDX-License-Identifier: MIT
"""What a blocked thread waits for: the words that waits.py finds and the judging stage goes by."""

from typing import NamedTuple, Optional, Tuple

# How sure the kind and the object are. EXACT: the kernel's or glibc's own lists say so. HIGH: the function that
# waits is known by name, and the object looks like one. MEDIUM: one of these is missing. LOW: a futex word, no more.
EXACT, HIGH, MEDIUM, LOW = "exact", "high", "medium", "low"
CONFIDENCES = (EXACT, HIGH, MEDIUM, LOW)

MUTEX = "mutex"
CONDITION = "condition variable"
RWLOCK_READ = "rwlock for reading"
RWLOCK_WRITE = "rwlock for writing"
BARRIER = "barrier"
SEMAPHORE = "semaphore"
JOIN = "join"
ONCE = "once"
STDIO = "stdio lock"
LIBC_LOCK = "libc's own lock"
FUTURE = "future"
STATIC_GUARD = "static local's guard"
ATOMIC = "atomic wait"
LATCH = "latch"
RUST_MUTEX = "Rust mutex"
RUST_RWLOCK = "Rust rwlock"
RUST_CONDITION = "Rust condition variable"
RUST_ONCE = "Rust once"
RUST_PARK = "Rust park"
FUTEX = "futex"  # of an object that is not known
DESCRIPTORS = (
    "file descriptors"  # read, poll, accept, flock and so on: which call it is, `call` says
)
TIME = "time"  # sleeps
SIGNAL = "signal"  # pause, sigwait
CHILD = "child process"  # wait4, waitid
MESSAGE = "message queue"  # System V: msgrcv, msgsnd
SEMAPHORE_SET = "semaphore set"  # System V: semop
IO_URING = "io_uring"
SYSTEM_CALL = "system call"  # any other


class Wait(NamedTuple):
    """One thread's, as one read found it. Addresses are those of the target; what is not known is None."""

    kind: str
    confidence: str
    call: str  # name of the system call; restart_syscall is resolved to the call that it goes on with
    word: Optional[int] = None  # address of the futex word
    object: Optional[int] = None  # address of the object
    flavour: str = ""  # of a mutex: "normal", "recursive", "robust", "priority inheritance", ...; more than one: ", "
    owner: Optional[int] = None  # pthread_t of who holds it, runs it (once) or is joined
    owner_tid: Optional[int] = None  # as the object itself says, in the process's own numbers
    mutex: Optional[int] = None  # the mutex that goes with a condition variable
    fds: Tuple[int, ...] = ()
    timed: bool = False  # it ends by itself: there is a timeout
    deadline_ns: Optional[int] = None  # CLOCK_MONOTONIC of the process, where the timeout tells
    shared: bool = False  # between processes
    in_kernel_hands: bool = (
        False  # being handed over: priority inheritance, or an owner that is not entered yet
    )
    parked: bool = (
        False  # by libc, for good, on a word of its own stack: the kernel refused it the mutex
    )
    detail: str = ""  # "1 of 3 arrived", "5 readers hold it", "value 0, 2 waiting"

    @property
    def is_refused(self) -> bool:
        """Parked, and which mutex it was cannot be told."""
        return self.parked and self.object is None
