# SPDX-License-Identifier: MIT
"""Who waits for what: the waits of all threads that are alive, found by thread, by object and by owner."""

from typing import Dict, List, Optional, Protocol, Sequence

from ..read.threads import ThreadInfo
from ..read.wait import JOIN, Wait

# Threads of a process that runs on whose waits are all read, each at the price of its registers. Of more, those that
# are asked for are read, and nothing is said of how many wait for one thing.
MOST = 1000


class Source(Protocol):
    """read/waits.py"""

    def of(self, infos: Sequence[ThreadInfo]) -> List[Optional[Wait]]:
        """None: not blocked, or that cannot be told."""


class Waiting:
    def __init__(self, infos: Sequence[ThreadInfo], source: Source, is_cheap: bool = True):
        self.alive = [info for info in infos if info.kernel is not None]
        self.is_whole = is_cheap or len(self.alive) <= MOST
        self._source = source
        self._waits: Dict[int, Optional[Wait]] = {}
        self._by_pthread: Dict[int, ThreadInfo] = {}
        self._gone: Dict[int, List[ThreadInfo]] = {}  # by the tid that they had
        self._at: Dict[int, List[ThreadInfo]] = {}
        self._for: Dict[int, List[ThreadInfo]] = {}
        for info in infos:
            pthread = info.pthread
            if pthread and (info.kernel is not None or pthread not in self._by_pthread):
                self._by_pthread[pthread] = info
            if info.kernel is None and info.record is not None and info.record.tid:
                self._gone.setdefault(info.record.tid, []).append(info)
        if self.is_whole:
            self._read_all()

    def _read_all(self) -> None:
        for info, wait in zip(self.alive, self._source.of(self.alive)):
            self._waits[id(info)] = wait
            if wait is None:
                continue
            if wait.object is not None:
                self._at.setdefault(wait.object, []).append(info)
            owner = self.owner(wait)
            if owner is not None:
                self._for.setdefault(id(owner), []).append(info)

    def of(self, info: ThreadInfo) -> Optional[Wait]:
        if id(info) not in self._waits:
            self._waits[id(info)] = self._source.of([info])[0] if info.kernel is not None else None
        return self._waits[id(info)]

    def owner(self, wait: Wait) -> Optional[ThreadInfo]:
        """The thread that holds what is waited for, or is joined; None: nobody, or none that is known. One that is
        gone is known by the tid that it had, if no other that is gone had the same."""
        if wait.owner:
            return self._by_pthread.get(wait.owner)
        gone = self._gone.get(wait.owner_tid or 0, [])
        return gone[0] if len(gone) == 1 and not wait.shared and not wait.in_kernel_hands else None

    def at(self, address: Optional[int]) -> List[ThreadInfo]:
        """Those that wait for that object."""
        return self._at.get(address, []) if address is not None else []

    def joiners(self, info: ThreadInfo) -> List[ThreadInfo]:
        """Those that wait for its end."""
        return [each for each in self._for.get(id(info), []) if self._joins(each)]

    def held_up(self, info: ThreadInfo) -> List[ThreadInfo]:
        """Others that wait for what it holds."""
        found = (each for each in self._for.get(id(info), []) if each is not info)
        return [each for each in found if not self._joins(each)]

    def _joins(self, info: ThreadInfo) -> bool:
        wait = self._waits[id(info)]
        return wait is not None and wait.kind == JOIN
