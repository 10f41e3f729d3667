# SPDX-License-Identifier: MIT
"""What rises from each look to the next. A pool that comes and goes falls once in a while; a leak never does."""

from typing import Dict, Generic, Hashable, List, Mapping, NamedTuple, Tuple, TypeVar

LOOKS = 3  # at least: two numbers have a direction, and no habit

K = TypeVar("K", bound=Hashable)


class Streak(NamedTuple):
    """Rises without a look between them in which the number stayed or fell."""

    first: int
    last: int
    rises: int


class Streaks(Generic[K]):
    """Of several numbers, whatever they are of. One that is not there is 0."""

    def __init__(self) -> None:
        self.looks = 0
        self._streaks: Dict[K, Streak] = {}

    def add(self, counts: Mapping[K, int]) -> None:
        before, self._streaks = self._streaks, {}
        none = Streak(0, 0, 0)
        for key, count in counts.items():
            streak = before.get(key, none)
            rises = streak.rises + 1 if self.looks and count > streak.last else 0
            if count:
                self._streaks[key] = Streak(streak.first if rises else count, count, rises)
        self.looks += 1

    def rising(self, looks: int) -> List[Tuple[K, Streak]]:
        """What rose in each of the last `looks`, of which the first is what others are compared with; what rose most
        comes first."""
        if min(looks, self.looks) < max(looks, LOOKS):
            return []
        found = [each for each in self._streaks.items() if each[1].rises >= looks - 1]
        return sorted(found, key=lambda each: each[1].first - each[1].last)
