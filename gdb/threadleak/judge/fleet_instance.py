# SPDX-License-Identifier: MIT
"""What is known of one process by its saved reports.

Of several reports the latest counts, and the earliest tells with it how fast a site grows. Where the latest has some of the
threads alone, sites that it does not list are as the latest report of all threads has them.
"""

from operator import add
from typing import Dict, NamedTuple, Optional, Tuple

from .classes import ALL


class Count(NamedTuple):
    threads: int
    leaked: int
    by_class: Tuple[int, ...]  # in the order of ALL

    def plus(self, other: "Count") -> "Count":
        by_class = tuple(map(add, self.by_class, other.by_class))
        return Count(self.threads + other.threads, self.leaked + other.leaked, by_class)


NONE = Count(0, 0, (0,) * len(ALL))
Counts = Dict[str, Count]  # by fingerprint


class Seen(NamedTuple):
    """One look at an instance."""

    at: Optional[float]  # seconds since 1970
    whole: bool  # all threads, not those alone that an option selected
    blind: str  # why the report cannot tell all; "": it can
    unlisted: int  # leaked threads that are none of `counts`
    registry: bool  # the library was in the process
    counts: Counts

    def is_after(self, other: "Seen") -> bool:
        return self.at is None or other.at is None or self.at >= other.at


class Instance:
    __slots__ = ("host", "pid", "program", "first", "last", "whole", "looks")

    def __init__(self, host: Optional[str], pid: Optional[int], program: str, seen: Seen):
        self.host, self.pid, self.program = host, pid, program
        self.first = self.last = seen
        self.whole = seen if seen.whole else None  # the latest such
        self.looks = 1

    def add(self, seen: Seen) -> None:
        self.looks += 1
        if seen.whole and (self.whole is None or seen.is_after(self.whole)):
            self.whole = seen
        if seen.is_after(self.last):
            self.last = seen
        elif not seen.is_after(self.first):
            self.first = seen

    @property
    def name(self) -> str:
        pid = "an unknown pid" if self.pid is None else str(self.pid)
        return f"{self.host}:{pid}" if self.host is not None else pid

    @property
    def counts(self) -> Counts:
        """What leaked in the look at all threads and is not in a later one at every leak has ended since."""
        last, whole = self.last, self.whole
        if whole is None or whole is last:
            return last.counts
        kept = {
            mark: count for mark, count in whole.counts.items() if not count.leaked or last.unlisted
        }
        return {**kept, **last.counts}

    @property
    def hours(self) -> Optional[float]:
        """Between the first look and the last; None: growth cannot be told."""
        first, last = self.first, self.last
        if first.at is None or last.at is None or first.whole != last.whole or last.at <= first.at:
            return None
        return (last.at - first.at) / 3600
