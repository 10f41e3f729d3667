# SPDX-License-Identifier: MIT
"""One look at a process: its registry and its kernel's threads, compared.

Of a process that runs on meanwhile the two are not of one moment: a thread that ends in between looks as if
the registry did not know it, one that begins as if its end had gone unseen; and the kernel keeps a thread for
up to milliseconds after it ended. So that is believed only of threads of which two looks in a row say so; of a
core that was made while the process ran on there is one look, so it is believed of none.
"""

import time
from typing import Callable, Hashable, List, NamedTuple, Optional, Set

from ..target.base import Target, TargetError
from . import abi
from .locate import read_registry
from .model import Registry
from .reconcile import reconcile
from .threads import ALIVE, ThreadInfo, Threads

PAUSES_S = (0.02, 0.05, 0.1, 0.2)  # before each further look


class Look(NamedTuple):
    target: Target
    registry: Registry
    threads: Threads
    believed: Optional[Set[Hashable]] = None  # of the doubtful threads these; None: all
    left_out: int = 0  # those that are not
    others: Optional[
        List[ThreadInfo]
    ] = None  # all of the process, where `threads` are a part of them


def look_at(target: Target, address: Optional[int] = None) -> Look:
    """TargetError if the registry cannot be found, or says nothing about this process."""
    registry = read_registry(target, address)
    if all(copy.header.flags & abi.HOOKS_INACTIVE for copy in registry.copies):
        raise TargetError(
            "the library was loaded too late, by dlopen, and sees no thread being created:"
            " preload it, or link the program with it"
        )
    return compared(Look(target, registry, Threads([], [], 0), set() if target.blurred else None))


def compared(taken: Look) -> Look:
    """The same look with threads of its own: reports write into them what they have found out."""
    threads = reconcile(taken.registry, taken.target)
    if taken.believed is None:
        return taken._replace(threads=threads)
    sure = {None, *taken.believed}
    infos = [info for info in threads.infos if _doubt(info) in sure]
    gone = [info for info in threads.detached_gone if _doubt(info) in sure]
    return taken._replace(
        threads=threads._replace(infos=infos, detached_gone=gone),
        left_out=len(threads.infos) - len(infos),
    )


def look(open_target: Callable[[], Target], address: Optional[int] = None) -> Look:
    """The same, again if need be. `open_target` gives a target that is read anew."""
    taken = look_at(open_target(), address)
    doubts: Set[Hashable] = set()
    for pause in PAUSES_S if taken.target.moves else ():
        doubts = _doubts(taken.threads)
        if not doubts:
            return taken
        time.sleep(pause)
        taken = look_at(open_target(), address)
        if _doubts(taken.threads) <= doubts:
            return taken
    return compared(taken._replace(believed=doubts)) if taken.target.moves else taken


def _doubts(threads: Threads) -> Set[Hashable]:
    found = set(map(_doubt, (*threads.infos, *threads.detached_gone)))
    found.discard(None)
    return found


def _doubt(info: ThreadInfo) -> Hashable:
    """Names the thread, if it looks untracked, or as if its end had gone unseen. A program that another one
    (exec) takes the place of has threads with the same ids."""
    if info.copy is not None and info.end_unseen:
        return info.copy.header.start_monotonic_ns, info.id
    if info.copy is None and info.state == ALIVE and not info.is_main:
        return info.tid
    return None
