# SPDX-License-Identifier: MIT
"""What `watch` warns of."""

from typing import NamedTuple, Optional, Sequence, Tuple

from ..target.base import Frame
from .told_apart import Chain

GROWTH, BLOCKED = "growth", "blocked"


class Alarm(NamedTuple):
    kind: str  # GROWTH or BLOCKED
    what: str  # of growth: what the threads have in common: created, started, untracked or all
    pid: int
    process: str
    chain: Chain  # where they were created, begin, or are blocked
    before: Optional[int]  # threads in the first look
    threads: int
    looks: int = 1
    expected_by: str = ""  # the rule that all these threads are, so that it is none
    creation_stack: Sequence[Frame] = ()  # of those that it tells of
    # Of a function by which several make threads, none of whom rises by itself: those that made most, and how many.
    callers: Sequence[Tuple[Chain, int]] = ()

    @property
    def frame(self) -> Optional[Frame]:
        return self.chain[0] if self.chain else None
