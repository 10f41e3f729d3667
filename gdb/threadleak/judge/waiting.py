# SPDX-License-Identifier: MIT
"""Who waits for what: the waits of all threads that are alive, found by thread, by object and by owner."""

from typing import Dict, List, Optional, Protocol, Sequence

from ..read.threads import ThreadInfo
from ..read.wait import JOIN, Wait


class Source(Protocol):
    """read/waits.py"""

    def of(self, infos: Sequence[ThreadInfo]) -> List[Optional[Wait]]:
        """None: not blocked, or that cannot be told."""


def pthread_of(info: ThreadInfo) -> int:
    """0: not known."""
    if info.descriptor is not None:
        return info.descriptor.pthread
    return info.record.pthread if info.record is not None else 0


class Waiting:
    def __init__(self, infos: Sequence[ThreadInfo], source: Source):
        self.infos = infos
        self.alive = [info for info in infos if info.kernel is not None]
        found = zip(self.alive, source.of(self.alive))
        self._waits = {id(info): wait for info, wait in found if wait is not None}
        self._by_pthread: Dict[int, ThreadInfo] = {}
        self._at: Dict[int, List[ThreadInfo]] = {}
        self._for: Dict[int, List[ThreadInfo]] = {}
        for info in infos:
            pthread = pthread_of(info)
            if pthread and (info.kernel is not None or pthread not in self._by_pthread):
                self._by_pthread[pthread] = info
        for info in self.alive:
            wait = self._waits.get(id(info))
            if wait is not None and wait.object is not None:
                self._at.setdefault(wait.object, []).append(info)
            if wait is not None and wait.owner:
                self._for.setdefault(wait.owner, []).append(info)

    def of(self, info: ThreadInfo) -> Optional[Wait]:
        return self._waits.get(id(info))

    def owner(self, wait: Wait) -> Optional[ThreadInfo]:
        """The thread that holds what is waited for, or is joined; None: nobody, or none that is known."""
        return self._by_pthread.get(wait.owner) if wait.owner else None

    def at(self, address: Optional[int]) -> List[ThreadInfo]:
        """Those that wait for that object."""
        return self._at.get(address, []) if address is not None else []

    def joiners(self, info: ThreadInfo) -> List[ThreadInfo]:
        """Those that wait for its end."""
        return [each for each in self._held_up(info) if self._waits[id(each)].kind == JOIN]

    def held_up(self, info: ThreadInfo) -> List[ThreadInfo]:
        """Others that wait for what it holds."""
        found = [each for each in self._held_up(info) if each is not info]
        return [each for each in found if self._waits[id(each)].kind != JOIN]

    def _held_up(self, info: ThreadInfo) -> List[ThreadInfo]:
        pthread = pthread_of(info)
        return self._for.get(pthread, []) if self._by_pthread.get(pthread) is info else []
