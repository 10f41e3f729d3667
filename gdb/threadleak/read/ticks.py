# SPDX-License-Identifier: MIT
"""The clock of events: the processor's counter to nanoseconds, by pairs of both that the process took.

Between two pairs times are interpolated, so that they are in order and within what CLOCK_MONOTONIC said, whatever
the counter did meanwhile; beyond the last one the rate before it goes on.
"""

from bisect import bisect_right
from typing import List, Tuple

from . import abi_history as abi

NEAR_NS = 30000  # two pairs that two threads took at once say nothing of the rate; as in clock.c
MOST_NS_PER_TICK, MOST_TICKS_PER_NS = 1000, 100  # a counter of 1 MHz, one of 100 GHz


class Ticks:
    """How `ticks` turn to nanoseconds of CLOCK_MONOTONIC."""

    def __init__(self, events: abi.Events, least_ns: int, most_ns: int):
        self._bounds = least_ns, max(least_ns, most_ns)
        self._is_plain = events.clock == abi.CLOCK_MONOTONIC
        pairs = [] if self._is_plain else _in_order(_pairs(events))
        self._ticks = [ticks for ticks, _ in pairs]
        self._ns = [ns for _, ns in pairs]
        self._stretch = (
            1,
            0,
            0,
            1,
            0,
        )  # the last one: from, until, ns of its beginning, ticks and ns in it

    @property
    def is_known(self) -> bool:
        """Whether ticks can be turned at all."""
        return self._is_plain or len(self._ticks) > 1

    def ns(self, ticks: int) -> int:
        least, most = self._bounds
        return max(least, min(most, ticks if self._is_plain else self._turned(ticks)))

    def _turned(self, ticks: int) -> int:
        first, last, begin, more, ns = self._stretch
        if first <= ticks <= last:
            return begin + (ticks - first) * ns // more
        if len(self._ticks) < 2:
            return self._ns[0] if self._ns else 0
        at = min(max(bisect_right(self._ticks, ticks) - 1, 0), len(self._ticks) - 2)
        first, begin = self._ticks[at], self._ns[at]
        more, ns = self._ticks[at + 1] - first, self._ns[at + 1] - begin
        if first <= ticks <= first + more:
            self._stretch = (first, first + more, begin, more, ns)
            return begin + (ticks - first) * ns // more
        if ticks > first:
            before = max(0, bisect_right(self._ns, self._ns[-1] - NEAR_NS) - 1)
            more, ns = self._ticks[-1] - self._ticks[before], self._ns[-1] - self._ns[before]
        ns = min(ns, more * MOST_NS_PER_TICK)
        more = min(more, max(1, ns) * MOST_TICKS_PER_NS)
        if ticks > first:
            return self._ns[-1] + (ticks - self._ticks[-1]) * ns // more
        return begin + (ticks - first) * ns // more


def seal_of(number: int, ticks: int, ns: int) -> int:
    return number + (3 * ticks + 5 * ns) * abi.EVENT_FACTOR & (1 << 64) - 1


def _pairs(events: abi.Events) -> List[Tuple[int, int]]:
    """Those that lie where they belong, and are of one writer."""
    ring = abi.CLOCK_PAIRS - 1
    found = []
    for at, pair in enumerate(abi.CLOCK_PAIR.many(events.pairs, abi.CLOCK_PAIR.size)):
        place = 0 if pair.number == 1 else 1 + (pair.number - 2) % ring
        is_whole = pair.seal == seal_of(pair.number, pair.ticks, pair.ns)
        if 1 <= pair.number <= events.pairs_used and place == at and is_whole:
            found.append((pair.ticks, pair.ns))
    return sorted(found)


def _in_order(pairs: List[Tuple[int, int]]) -> List[Tuple[int, int]]:
    """Without those in which one of the two went back or stood."""
    kept: List[Tuple[int, int]] = []
    for ticks, ns in pairs:
        if not kept or (ticks > kept[-1][0] and ns > kept[-1][1]):
            kept.append((ticks, ns))
    return kept
