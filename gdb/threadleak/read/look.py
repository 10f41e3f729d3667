# SPDX-License-Identifier: MIT
"""One look at a process: its registry and its kernel's threads, compared; without a registry, glibc's lists and the
kernel's threads.

Of a process that runs on meanwhile the two are not of one moment: a thread that ends in between looks as if the
registry did not know it, one that begins as if its end had gone unseen, and one that is joined as if the library had
missed that; and the kernel keeps a thread for up to milliseconds after it ended. So that is believed only of threads of
which two looks in a row say so; of a core that was made while the process ran on there is one look, so it is believed
of none. The same holds for what glibc's lists alone tell of threads that have finished: each that is joined soon looks
for a moment as if it never were (settled.py).
"""

import time
from typing import (
    Callable,
    Collection,
    FrozenSet,
    Hashable,
    List,
    NamedTuple,
    Optional,
    Set,
    Tuple,
)

from ..target.base import Target, TargetError
from .descriptor import Descriptor
from .glibc import glibc_of
from .locate import NoRegistry, usable_registry
from .model import Anomalies, Registry
from .reconcile import reconcile
from .second_source import compared_with_glibc
from .settled import begun_anew, mark_unsettled
from .threads import ALIVE, FINISHED, ThreadInfo, Threads
from .unregistered import OTHER_PROCESS, threads_of

PAUSES_S = (0.02, 0.05, 0.1, 0.2)  # before each further look


class Look(NamedTuple):
    target: Target
    registry: Registry
    threads: Threads
    believed: Optional[Set[Hashable]] = None  # of the doubtful threads these; None: all
    left_out: int = 0  # those that are not
    # of these the finished ones that may be unjoined, in a core that allows no second look; not those that the library
    # created after its registry was read
    untold: int = 0
    others: Optional[
        List[ThreadInfo]
    ] = None  # all of the process, where `threads` are a part of them
    # finished threads, as they were before the process was stopped; None: nobody looked
    before: Optional[Collection[Descriptor]] = None

    @property
    def whole(self) -> List[ThreadInfo]:
        """All threads of the process."""
        return self.threads.infos if self.others is None else self.others


def look_at(
    target: Target,
    address: Optional[int] = None,
    before: Optional[Collection[Descriptor]] = None,
) -> Look:
    """TargetError if there is neither a registry nor a list of threads, or they say nothing about this process.
    `before`: what settled() gave before it was stopped."""
    registry = registry_of(target, address)
    believed: Optional[Set[Hashable]] = set() if target.blurred else None
    return compared(Look(target, registry, Threads([], [], 0), believed, before=before))


def registry_of(target: Target, address: Optional[int] = None) -> Registry:
    """An empty one where glibc's lists have to do. TargetError if there are none either."""
    try:
        return usable_registry(target, address, anywhere=False)
    except TargetError as failure:
        error = failure
    try:
        if address is not None:
            raise error
        glibc_of(target)
    except TargetError:
        if isinstance(error, NoRegistry):
            return usable_registry(target)
        raise error from None
    unusable = not isinstance(error, NoRegistry)
    return Registry([], [], Anomalies(), str(error), unusable)


def compared(taken: Look) -> Look:
    """The same look with threads of its own: reports write into them what they have found out."""
    if taken.registry.copies:
        threads = reconcile(taken.registry, taken.target)
        threads = compared_with_glibc(threads, taken.registry, taken.target)
    else:
        threads = threads_of(glibc_of(taken.target), taken.target)
    if threads.strangers and not taken.target.moves:
        raise TargetError(OTHER_PROCESS)
    if not taken.target.moves:
        mark_unsettled(threads.infos, taken.target, taken.before)
    if taken.believed is None:
        return taken._replace(threads=threads)
    sure = {None, *taken.believed}
    infos = [info for info in threads.infos if _doubt(info) in sure]
    gone = [info for info in threads.detached_gone if _doubt(info) in sure]
    unseen = frozenset(each for each in threads.joined_unseen if each in sure)
    return taken._replace(
        threads=threads._replace(infos=infos, detached_gone=gone, joined_unseen=unseen),
        left_out=len(threads.infos) - len(infos),
        untold=_untold(taken, threads.infos, sure),
    )


def _untold(taken: Look, infos: List[ThreadInfo], sure: Set[Hashable]) -> int:
    """Who is in its join there, or still being created, needs no second look."""
    if not taken.target.blurred:
        return 0
    untold = [
        doubt
        for doubt in (_doubt(info) for info in infos if not info.unsettled)
        if isinstance(doubt, Descriptor) and doubt not in sure
    ]
    if untold and taken.registry.copies:
        # all threads of the library begin in the same place
        recorded = {info.pthread for info in infos if info.copy is not None}
        descriptors = glibc_of(taken.target).threads()
        begins = {each.start for each in descriptors if each.pthread in recorded}
        untold = [each for each in untold if each.start not in begins]
    return len(untold)


def look(open_target: Callable[[], Target], address: Optional[int] = None) -> Look:
    """The same, again if need be. `open_target` gives a target that is read anew."""
    taken = look_at(open_target(), address)
    doubts: Set[Hashable] = set()
    strangers: FrozenSet[Tuple[int, int]] = frozenset()
    for pause in PAUSES_S if taken.target.moves else ():
        doubts = _doubts(taken.threads)
        if not doubts:
            return taken
        strangers = taken.threads.strangers
        finished = [each for each in doubts if isinstance(each, Descriptor)]
        if finished:
            doubts -= begun_anew(taken.target, finished, pause)
        else:
            time.sleep(pause)
        taken = look_at(open_target(), address)
        if strangers & taken.threads.strangers:
            raise TargetError(OTHER_PROCESS)
        if _doubts(taken.threads) <= doubts:
            return taken
    return compared(taken._replace(believed=doubts)) if taken.target.moves else taken


def _doubts(threads: Threads) -> Set[Hashable]:
    found = set(map(_doubt, (*threads.infos, *threads.detached_gone)))
    found.discard(None)
    return found | threads.strangers | threads.joined_unseen


def _doubt(info: ThreadInfo) -> Hashable:
    """Names the thread, if it looks untracked, or as if its end had gone unseen, or as if nobody joined it and glibc
    alone says so."""
    if info.copy is not None:
        return info.key if info.end_unseen else None
    if info.state == ALIVE and not info.is_main and (info.untracked or info.descriptor is None):
        return info.tid
    if info.state == FINISHED and info.descriptor is not None:
        return info.descriptor
    return None
