# SPDX-License-Identifier: MIT
"""When an edge of the graph proves nothing, although the thread does wait and the object does name an owner."""

from typing import NamedTuple

from ..read.wait import (
    EXACT,
    HIGH,
    JOIN,
    MUTEX,
    ONCE,
    RWLOCK_READ,
    RWLOCK_WRITE,
    STDIO,
    Wait,
)
from .graph import GONE, Edge

OWNED = (MUTEX, RWLOCK_READ, RWLOCK_WRITE, JOIN, ONCE, STDIO)  # kinds of objects that have owners
ROBUST, INHERITING = "robust", "priority inheritance"  # Wait.flavour
RECURSIVE, CHECKING = "recursive", "error checking"


class Program(NamedTuple):
    """What threads of it may do to each other."""

    cancels: bool  # call pthread_cancel, or that cannot be told
    cancels_at_once: bool  # and set the type of cancellation to asynchronous


def doubt(edge: Edge, program: Program) -> str:
    """Why it is no proof, as the end of a sentence that begins with the thread; "" if it is one."""
    wait = edge.wait
    if wait.kind not in OWNED or wait.confidence not in (EXACT, HIGH):
        return "waits for something that is not known for sure"
    if wait.timed:
        return "waits with a timeout"
    if wait.shared:
        return "waits for an object that other processes share"
    if wait.in_kernel_hands:
        return "is just being given what it waits for"
    if program.cancels_at_once:
        return "may be cancelled at any instruction: the program sets the type of cancellation"
    if wait.kind == JOIN and program.cancels:
        return "may be cancelled in its join: the program calls pthread_cancel"
    if edge.owner == GONE:
        return _of_gone(wait)
    return _of_itself(wait) if edge.owner == edge.waiter else ""


def _of_gone(wait: Wait) -> str:
    if ROBUST in wait.flavour:
        return "gets the robust mutex of a dead owner (EOWNERDEAD)"
    if INHERITING in wait.flavour:
        return "gets from the kernel the mutex with priority inheritance of a dead owner"
    return ""


def _of_itself(wait: Wait) -> str:
    """libc refuses this to whoever owns the object already, or lets it have the object once more. So it has just
    got it, and does not know yet: the kernel writes the owner of a mutex with priority inheritance first."""
    if wait.kind == ONCE:
        return ""
    if wait.kind == MUTEX and not any(
        each in wait.flavour for each in (RECURSIVE, CHECKING, INHERITING)
    ):
        return ""
    return "is just being given what it waits for"
