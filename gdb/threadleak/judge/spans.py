# SPDX-License-Identifier: MIT
"""Spans of time on the track of a thread, and how they lie inside each other. Times are nanoseconds."""

from typing import Iterable, Iterator, List, Optional, Tuple

# LIFE: from its start to its finish; LEFT: finished, and not joined yet; CREATE, JOIN: calls of the thread;
# WOKEN: the end of a join, after the other had finished; SCOPE: opened by the thread.
LIFE, LEFT, SCOPE, JOIN, WOKEN, CREATE = range(6)
# Of the last of these nothing is known but a moment: as long as this is drawn, where nothing follows sooner.
MOMENT_NS = 1000

Arrow = Tuple[str, int]  # what it tells, and the thread that is created or joined


class Span:
    __slots__ = (
        *("kind", "begun", "ended", "thread", "other", "note", "across", "enters", "leaves"),
    )

    def __init__(
        self, kind: int, begun: int, ended: int, thread: int, other: int = 0, note: str = ""
    ):
        self.kind = kind
        self.begun = begun
        self.ended = ended
        self.thread = thread  # whose track it is on
        self.other = other  # the thread that is created or joined; the scope
        self.note = note  # what is unusual about it
        self.across = False  # another thread ended it
        self.enters: Optional[Arrow] = None  # arrives at its beginning
        self.leaves: Optional[
            Arrow
        ] = None  # starts at the beginning of a CREATE, the end of a LIFE


def nested(spans: Iterable[Span]) -> Tuple[List[Span], List[Span]]:
    """By their beginnings, so that each lies inside or outside of each other one; and the scopes that would lie
    across one. Of another span that would, the end is cut off, but not of LIFE and LEFT, before which none begins:
    the events of one thread are nested, unless some were lost."""
    kept: List[Span] = []
    across: List[Span] = []
    around: List[Span] = []
    for span in sorted(spans, key=_order):
        while around and around[-1].ended <= span.begun:
            around.pop()
        if span.across or (span.kind == SCOPE and around and span.ended > around[-1].ended):
            across.append(span)
            continue
        limit = _inside(around[-1]) if around else span.ended
        span.ended = max(span.begun, min(span.ended, limit))
        kept.append(span)
        around.append(span)
    return kept, across


def _order(span: Span) -> Tuple[int, bool, int, int]:
    return span.begun, span.kind > LEFT, -span.ended, span.kind


def _inside(span: Span) -> int:
    """When what lies in it is over: an arrow starts at the last nanosecond of a LIFE, from that and from nothing
    inside of it."""
    return max(span.begun, span.ended - 1) if span.kind == LIFE and span.leaves else span.ended


def steps(spans: Iterable[Span]) -> Iterator[Tuple[bool, Span]]:
    """(whether it begins, else it ends), in the order of time; of what nested() gave."""
    around: List[Span] = []
    for span in spans:
        while around and around[-1].ended <= span.begun:
            yield False, around.pop()
        yield True, span
        around.append(span)
    while around:
        yield False, around.pop()
