# SPDX-License-Identifier: MIT
"""A wait as people say it, without the threads that take part in it: explanation.py puts those in."""

from typing import Callable, Optional

from ..read import wait as kinds
from ..read.wait import Wait
from ..target.base import Target

Name = Callable[[int], str]  # an object's: `cache.lock` (0x4040)
File = Callable[[int], str]  # a descriptor's: fd 5 (pipe:[1234])

_OBJECTS = {
    kinds.MUTEX: "for the{flavour} mutex {object}",
    kinds.CONDITION: "for the condition variable {object}",
    kinds.RWLOCK_READ: "for the rwlock {object}, to read",
    kinds.RWLOCK_WRITE: "for the rwlock {object}, to write",
    kinds.BARRIER: "at the barrier {object}",
    kinds.SEMAPHORE: "for the semaphore {object}",
    kinds.JOIN: "for the end of {owner} (pthread_join)",
    kinds.ONCE: "for the initialization of pthread_once {object}",
    kinds.STDIO: "for the lock of the stdio stream {object}",
    kinds.LIBC_LOCK: "for a lock of libc's own, {object}",
    kinds.FUTURE: "for the result of a std::future {object}",
    kinds.STATIC_GUARD: "for the initialization of a static local variable, guard {object}",
    kinds.ATOMIC: "for the atomic {object} to change",
    kinds.LATCH: "at the latch {object}",
    kinds.RUST_MUTEX: "for the Rust mutex {object}",
    kinds.RUST_RWLOCK: "for the Rust rwlock {object}",
    kinds.RUST_CONDITION: "for the Rust condition variable {object}",
    kinds.RUST_ONCE: "for the initialization of the Rust once {object}",
    kinds.RUST_PARK: "for somebody to unpark it (Rust)",
    kinds.FUTEX: "for the futex word {object}, of an object that is not known",
    kinds.TIME: "for a time to pass ({call})",
    kinds.SIGNAL: "for a signal ({call})",
    kinds.CHILD: "for a child process ({call})",
    kinds.MESSAGE: "for a System V message queue ({call})",
    kinds.SEMAPHORE_SET: "for a System V semaphore ({call})",
    kinds.IO_URING: "for completions of io_uring ({call})",
}

_READS = "read readv pread64 preadv preadv2 recvfrom recvmsg recvmmsg mq_timedreceive getrandom"
_WRITES = "write writev pwrite64 pwritev pwritev2 sendto sendmsg sendmmsg mq_timedsend sendfile"
_POLLS = "poll ppoll select pselect6 epoll_wait epoll_pwait epoll_pwait2"
_LOCKS = "flock fcntl"
_FILES = {
    **dict.fromkeys(_READS.split(), "for data from {fds} ({call})"),
    **dict.fromkeys(_WRITES.split(), "for room in {fds} ({call})"),
    **dict.fromkeys(_POLLS.split(), "for events of {fds} ({call})"),
    **dict.fromkeys(_LOCKS.split(), "for a lock of the file {fds} ({call})"),
    **dict.fromkeys(("accept", "accept4"), "for a connection to {fds} ({call})"),
    "connect": "for the connection of {fds} to be made ({call})",
    "fsync": "for {fds} to be written ({call})",
}
FDS_SHOWN = 4


def object_name(target: Target, address: int) -> str:
    """`cache.lock` (0x4040)"""
    name = target.data_name(address)
    return f"`{name}` ({address:#x})" if name else f"{address:#x}"


def reads(wait: Wait) -> bool:
    """Data, not room."""
    return wait.call in _READS.split()


def writes(wait: Wait) -> bool:
    return wait.call in _WRITES.split()


def words(wait: Wait, name: Name, file: File, owner: Optional[str]) -> str:
    """What is waited for: "for the mutex `cache.lock`". `owner`: of a join, the thread."""
    text = _OBJECTS.get(wait.kind)
    if wait.is_refused:
        return "for a mutex with priority inheritance that the kernel refused it"
    if wait.kind == kinds.DESCRIPTORS:
        text = _FILES.get(wait.call, "for {fds} ({call})") if wait.fds else "for nothing ({call})"
    if text is None or (wait.object is None and wait.word is None and "{object}" in text):
        text = "in the system call {call}" if text is None else text.replace(" {object}", "")
    if wait.kind == kinds.CONDITION and wait.object is None and wait.word is not None:
        text = "for a condition variable, on the futex word {object}"
    address = wait.object if wait.object is not None else wait.word
    said = text.format(
        object="" if address is None or "{object}" not in text else name(address),
        flavour="" if wait.flavour in ("", "normal") else f" {wait.flavour}",
        owner=owner or "a thread",
        call=wait.call,
        fds=_files(wait, file),
    )
    return f"{said} ({wait.detail})" if wait.detail else said


def _files(wait: Wait, file: File) -> str:
    shown = [file(fd) for fd in wait.fds[:FDS_SHOWN]]
    rest = len(wait.fds) - len(shown)
    return ", ".join(shown) + (f" and {rest:,} more" if rest else "")
