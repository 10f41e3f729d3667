# SPDX-License-Identifier: MIT
"""How a thread that should have ended can be told to, by what it waits for."""

from typing import Callable, Optional

from ..read import wait as kinds
from ..read.wait import Wait

_BY_KIND = {
    kinds.CONDITION: "set what it tests, and signal {object} (pthread_cond_signal, in C++ notify_one), before it is joined",
    kinds.RUST_CONDITION: "set what it tests, and notify {object}, before it is joined",
    kinds.SEMAPHORE: "set a flag that it tests, and post {object} (sem_post) once for each thread that waits",
    kinds.BARRIER: "let as many threads arrive at {object} as it was made for: fewer came",
    kinds.LATCH: "count {object} down as often as it was made for",
    kinds.FUTURE: "give the promise its value, or destroy it, which gives the future an error",
    kinds.ATOMIC: "change {object}, and notify it (notify_all)",
    kinds.RUST_PARK: "set what it tests, and unpark it",
    kinds.SIGNAL: "send it the signal that it waits for (pthread_kill)",
    kinds.CHILD: "end the child that it waits for",
    kinds.TIME: "let it wait for a condition variable with a timeout instead of sleeping: that can be signalled",
    kinds.DESCRIPTORS: (
        "make {fds} ready: write to the other end or close it, shut a socket down (shutdown), or let it poll an"
        " eventfd as well. To close the descriptor that it waits for wakes nobody"
    ),
    kinds.MESSAGE: "send it a message that says so",
    kinds.SEMAPHORE_SET: "set a flag that it tests, and raise the semaphore",
}


_OF_SEVERAL = {
    kinds.CONDITION: (
        "set what it tests, and wake all that wait for {object} (pthread_cond_broadcast, in C++ notify_all), before it is"
        " joined: a signal may wake another"
    ),
    kinds.RUST_CONDITION: "set what it tests, and notify all that wait for {object} (notify_all), before it is joined",
}


def how_to_end(wait: Wait, name: Callable[[int], str], is_alone: bool) -> Optional[str]:
    """None: locks and joins end with what others do, which other sentences tell. `is_alone`: nobody else waits for
    the same."""
    text = (not is_alone and _OF_SEVERAL.get(wait.kind)) or _BY_KIND.get(wait.kind)
    if text is None:
        return None
    address = wait.object if wait.object is not None else wait.word
    if wait.kind == kinds.CONDITION and wait.object is None:
        address = None  # a word inside is none that could be signalled
    fds = "fd " + ", ".join(map(str, wait.fds[:4])) if wait.fds else "what it waits for"
    said = text.format(object=name(address) if address is not None else "it", fds=fds)
    return f"To end it, {said}."
