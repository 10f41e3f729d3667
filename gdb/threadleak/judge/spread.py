# SPDX-License-Identifier: MIT
"""A leak that is spread over several creation sites rises in their sum, and at none of them in every look."""

from typing import Collection, Dict, Hashable, Iterable, List, NamedTuple, Optional, Set, Tuple

from ..target.base import Frame
from .blame import is_wrapper
from .told_apart import look, own_frames

Place = Tuple[int, int]  # as in read/counts.py
Key = Tuple[Hashable, ...]  # of a number
SITE, ALIKE, MAKER = "created", "alike", "maker"


class Names(NamedTuple):
    """Of one site, for good: others that come later do not change them."""

    alike: Key  # of all sites that nobody can tell from this one
    maker: Optional[Key]  # of all that have its first own frame in common; None: it has none


def site_key(place: Place) -> Key:
    return (SITE, *place)


def names(stack: Iterable[Frame]) -> Names:
    frames = list(own_frames(stack))
    maker = (MAKER, *look(frames[0])) if frames and not is_wrapper(frames[0]) else None
    return Names((ALIKE, *map(look, frames)), maker)


class Sums:
    """Of the sites that have threads now."""

    def __init__(self) -> None:
        self.numbers: Dict[Key, int] = {}
        self._sites: Dict[Key, List[Place]] = {}
        self._makers: Dict[Key, Optional[Key]] = {}  # of alike sites

    def add(self, place: Place, named: Names, number: int) -> None:
        self._makers[named.alike] = named.maker
        self.numbers[site_key(place)] = number
        for key in filter(None, named):
            self.numbers[key] = self.numbers.get(key, 0) + number
            self._sites.setdefault(key, []).append(place)

    def sites(self, key: Key) -> List[Place]:
        """What a number is of; the most threads first."""
        if key[0] == SITE:
            return [(int(str(key[1])), int(str(key[2])))]
        return sorted(self._sites[key], key=lambda place: -self.numbers[site_key(place)])

    def told(self, risen: Collection[Key], expected: Collection[Key]) -> List[Key]:
        """Each rise once: of a function that several call only where none of them rises by itself. `expected`: sites;
        of alike ones of which some are and some are not, each is told by itself."""
        hidden: Set[Optional[Key]] = set()
        for alike, maker in self._makers.items():
            sites = list(map(site_key, self._sites[alike]))
            by_itself = any(each in risen for each in sites)
            if by_itself or alike in risen:
                hidden.add(maker)
            if by_itself and len({each in expected for each in sites}) > 1:
                hidden.add(alike)
            elif alike in risen:
                hidden.update(sites)
        return [key for key in risen if key not in hidden]
