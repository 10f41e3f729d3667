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
RECURSIVE, CHECKING = "recursive", "error-checking"


class Program(NamedTuple):
    """What threads of it may do to each other."""

    cancels: bool  # call pthread_cancel
    cancels_at_once: bool  # and set the type of cancellation to asynchronous
    untold: str = ""  # why it may do so all the same, as a clause
    is_shared: bool = False  # other processes have its memory, and may lock in a thread's name


def doubt(edge: Edge, program: Program) -> str:
    """Why it is no proof, as the end of a sentence that begins with the thread; "" if it is one."""
    wait = edge.wait
    if wait.kind not in OWNED or not (wait.parked or wait.confidence in (EXACT, HIGH)):
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
    if wait.kind != JOIN and program.is_shared:
        return "waits for what another process may hold, which has the memory of this one (clone with CLONE_VM)"
    why = ""
    if edge.owner == GONE:
        why = _of_gone(wait)
    elif edge.owner == edge.waiter:
        why = _of_itself(wait)
    return why or (
        program.untold and f"may be cancelled, for all that can be told: {program.untold}"
    )


def _of_gone(wait: Wait) -> str:
    if ROBUST in wait.flavour:
        return "gets the robust mutex of a dead owner (EOWNERDEAD)"
    if INHERITING in wait.flavour and not wait.parked:
        return "gets from the kernel the mutex with priority inheritance of a dead owner"
    return ""


def _of_itself(wait: Wait) -> str:
    """Most objects libc refuses to whoever owns them already, or gives once more. So the thread has just got it, and
    does not know yet: of a mutex with priority inheritance the kernel writes the new owner before that runs.
    """
    is_mutex = wait.kind == MUTEX and not (RECURSIVE in wait.flavour or CHECKING in wait.flavour)
    if wait.kind == ONCE or is_mutex and (INHERITING not in wait.flavour or wait.parked):
        return ""
    return "is just being given what it waits for"
