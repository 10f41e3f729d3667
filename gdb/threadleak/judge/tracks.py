# SPDX-License-Identifier: MIT
"""The life of one thread, as far as events and the registry tell it. Times are nanoseconds of a timeline."""

from typing import List, NamedTuple, Optional, Tuple

from .spans import LEFT, LIFE, Span

# How it ended. GONE: it left neither a record nor a join behind: it was detached, or the join was overwritten. UNSEEN:
# the kernel has it no more, and nobody saw it finish.
ALIVE, JOINED, JOINING, UNJOINED, DETACHED, GONE, UNSEEN = (
    *("alive", "joined", "joining", "unjoined", "detached", "gone", "unseen"),
)
# Why a beginning or an end is not where the thread's own is.
BEFORE, NOT_KNOWN = "before the trace begins", "not known"


class Known(NamedTuple):
    """What the registry has of a thread."""

    id: int
    alive: bool
    joinable: bool = True  # no: it is detached, or the main thread
    created: Optional[int] = None
    finished: Optional[int] = None
    tid: int = 0
    creator: int = 0
    site: int = 0
    scope: int = 0  # its id
    name: str = ""
    joiner: int = 0  # that waits for its end, since:
    join_begun: Optional[int] = None


class Track:
    __slots__ = (
        *("id", "tid", "creator", "site", "scope", "name", "known", "end", "joiner", "life"),
        "is_awaited",
        *("created", "began", "begin_note", "finished", "end_note", "detached", "joined", "seen"),
        *("spans", "points"),
    )

    def __init__(self, id: int):
        self.id = id
        self.tid = self.creator = self.site = self.scope = 0
        self.name = ""
        self.known: Optional[Known] = None
        self.end = ALIVE
        self.joiner = 0
        self.is_awaited = False  # by a join that is not over
        self.created: Optional[int] = None
        self.began: Optional[int] = None
        self.finished: Optional[int] = None
        self.detached: Optional[int] = None
        self.joined: Optional[int] = None
        self.seen = 0  # it was alive then, at least
        self.begin_note = self.end_note = ""
        self.spans: List[Span] = []
        self.points: List[Tuple[int, str]] = []  # when, and what happened
        self.life = Span(LIFE, 0, 0, id)

    def take(self, known: Known) -> None:
        """Events tell more exactly when something was, the registry what it is in the end."""
        self.known = known
        self.tid = known.tid or self.tid
        self.creator = known.creator or self.creator
        self.site = known.site or self.site
        self.scope = known.scope or self.scope
        self.name = known.name or self.name
        if self.created is None:
            self.created = known.created

    def close(self, length: int, lost: bool, is_new: bool) -> None:
        """All is known. `length`: of the timeline; `lost`: events before it are; `is_new`: since the registry was
        read, so that it has no record."""
        begun = self._begin(lost)
        self._finish(begun, length, is_new)
        ended = self.finished
        self.life.begun, self.life.ended = begun, length if ended is None else ended
        for span in self.spans:
            span.begun = max(span.begun, begun)
            span.ended = max(span.ended, begun)
        self.spans.append(self.life)
        if ended is None:
            return
        self.end = self._ending(is_new)
        released = self.released(ended)
        if released is None or released > ended:
            self.spans.append(Span(LEFT, ended, length if released is None else released, self.id))

    def released(self, finished: int) -> Optional[int]:
        """When the last of it was given back."""
        if self.end in (UNJOINED, JOINING):
            return None
        at = self.joined if self.end == JOINED else self.detached
        return finished if at is None else max(at, finished)

    def _begin(self, lost: bool) -> int:
        begun = self.began if self.began is not None else self.created
        if begun is None or begun < 0:
            self.begin_note = BEFORE if lost or begun is not None else NOT_KNOWN
            begun = 0
        self.began = begun
        return begun

    def _finish(self, begun: int, length: int, is_new: bool) -> None:
        known, ended = self.known, self.finished
        if ended is None and known is not None and not known.alive:
            ended = known.finished
            if ended is None:
                self.end, self.end_note = UNSEEN, NOT_KNOWN
            elif ended < begun:
                self.end_note = BEFORE if self.begin_note == BEFORE else ""
        if ended is None and self.joined is not None:
            # a finish comes before its join, so that of the two it is overwritten first
            self.end_note = self.begin_note or NOT_KNOWN
            ended = begun if self.begin_note else self.joined
        if ended is None and known is None and not is_new:
            self.end_note = NOT_KNOWN
            ended = self.seen
        self.finished = None if ended is None else min(max(ended, begun), length)

    def _ending(self, is_new: bool) -> str:
        known = self.known
        if self.joined is not None:
            return JOINED
        if self.detached is not None or (known is not None and not known.joinable):
            return DETACHED
        if self.is_awaited:
            return JOINING
        return UNJOINED if known is not None or is_new else GONE
