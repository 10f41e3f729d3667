# SPDX-License-Identifier: MIT
"""Counts over time: what rises, how fast, and from where."""

from collections import deque
from typing import Callable, Deque, Dict, List, NamedTuple, Optional, Tuple

from ..read.counts import Counts, Place, SiteCounts

KEPT = 3600  # samples
WINDOW_S = 30.0  # that rates are of


class Rate(NamedTuple):
    """Of one site. Per second; None: there is one sample only."""

    place: Place
    counts: SiteCounts
    growth: Optional[float]  # of threads that are alive or unjoined
    created: Optional[float]

    @property
    def threads(self) -> int:
        return self.counts.alive + self.counts.unjoined


_ORDER: Dict[str, Callable[[Rate], Tuple[float, float]]] = {
    "growth": lambda rate: (rate.growth or 0, rate.threads),
    "threads": lambda rate: (rate.threads, rate.growth or 0),
    "created": lambda rate: (rate.created or 0, rate.counts.created),
}
SORT_KEYS = tuple(_ORDER)


class Samples:
    def __init__(self) -> None:
        self.all: Deque[Counts] = deque(maxlen=KEPT)

    @property
    def last(self) -> Counts:
        return self.all[-1]

    def add(self, counts: Counts) -> None:
        self.all.append(counts)

    def begin_anew(self) -> None:
        """Another program took the place (exec)."""
        self.all.clear()

    def _earlier(self) -> Optional[Counts]:
        """The oldest sample of the window."""
        begin = self.last.time_s - WINDOW_S
        inside = (each for each in self.all if each.time_s >= begin)
        first = next(inside, self.last)
        return first if first.time_s < self.last.time_s else None

    def per_s(self, field: str) -> Optional[float]:
        """How fast one of the sums grows."""
        earlier = self._earlier()
        if earlier is None:
            return None
        now, then = getattr(self.last, field), getattr(earlier, field)
        if now is None or then is None:
            return None
        return float(now - then) / (self.last.time_s - earlier.time_s)

    def rates(self, key: str) -> List[Rate]:
        """Of the sites that have threads or had new ones, by `key`, the largest first."""
        earlier = self._earlier()
        found = []
        for place, now in self.last.sites.items():
            then = earlier.sites.get(place, SiteCounts(0, 0, 0)) if earlier else now
            if not (now.alive or now.unjoined or now.created > then.created):
                continue
            growth = created = None
            if earlier is not None:
                seconds = self.last.time_s - earlier.time_s
                growth = (now.alive + now.unjoined - then.alive - then.unjoined) / seconds
                created = (now.created - then.created) / seconds
            found.append(Rate(place, now, growth, created))
        return sorted(found, key=_ORDER[key], reverse=True)
